"""Everything the code location offers, with its resources."""

import os
from collections.abc import Mapping
from typing import Any

import dagster as dg
from pydantic import ValidationError

from assets_defs.catalog import assets_of
from pipelines.automation.alerts import alerts_of
from pipelines.automation.conditions import automated, retraining_on_new_data
from pipelines.automation.lost_runs import lost_runs_in
from pipelines.automation.schedules import weekly_retraining
from pipelines.automation.sensors import annotations
from pipelines.champion_jobs import champion_jobs_of
from pipelines.jobs import jobs_of
from resources.launcher import Launcher
from resources.mlflow.tracking import Tracking
from resources.process.launcher import ProcessLauncher
from resources.ray_cluster.launcher import RayLauncher
from resources.run_settings import GraphSettings, absolute, absolute_preset
from resources.store import Store
from unigs.errors import ConfigError


def build_resources(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resources, ``overrides`` in place of those of the same name.

    The settings are those of the environment (:func:`settings_of_environment`); ``UNIGS_STORE``
    names where the results are, ``UNIGS_LAUNCHER`` which machines do the work (:func:`launcher`).
    """
    store = overrides.get("store", Store.configure_at_launch())
    return {
        "store": store,
        "settings": overrides.get("settings") or settings_of_environment(),
        "tracking": Tracking(store=store),
        "launcher": launcher(),
        **overrides,
    }


def settings_of_environment() -> GraphSettings:
    """Return what ``UNIGS_PRESET``, ``UNIGS_DATASET``, ``UNIGS_ROOT`` and ``UNIGS_SET`` say that
    the UI, the sensor and the schedule run on."""
    return GraphSettings(
        preset=absolute_preset(os.environ.get("UNIGS_PRESET", "tiny")),
        dataset=os.environ.get("UNIGS_DATASET", "shapes"),
        root=absolute(os.environ.get("UNIGS_ROOT", "")),
        overrides=overrides_of(os.environ.get("UNIGS_SET", "")),
    )


def overrides_of(given: str) -> dict[str, Any]:
    """Return the settings of ``UNIGS_SET``: each as ``--set`` takes it, ``;`` between them.

    Raises ConfigError for what is no ``NAME=VALUE``; names are looked at when a run begins.
    """
    if not given.strip():
        return {}
    from unigs.config.overrides import parse_overrides, spelled
    from unigs.config.preset import Preset

    said = [part.strip() for part in given.split(";") if part.strip()]
    return spelled(parse_overrides(Preset, said))


def launcher() -> Launcher:
    """Return the launcher that ``UNIGS_LAUNCHER`` names: ``process``, the default, or ``ray``.

    Each setting of the latter has a variable: ``UNIGS_RAY_ADDRESS``, ``UNIGS_RAY_GPUS`` and so on.

    Raises ConfigError for another name or a setting that cannot be.
    """
    name = os.environ.get("UNIGS_LAUNCHER") or "process"
    if name == "process":
        return ProcessLauncher()
    if name != "ray":
        raise ConfigError(f"UNIGS_LAUNCHER={name}: no such launcher", hint="give process or ray")
    variables = {field: f"UNIGS_RAY_{field.upper()}" for field in RayLauncher.model_fields}
    given: dict[str, Any] = {
        field: os.environ[variable]
        for field, variable in variables.items()
        if os.environ.get(variable)
    }
    try:
        return RayLauncher(**given)
    except ValidationError as error:
        first = error.errors()[0]
        variable = variables[str(first["loc"][0])]
        raise ConfigError(f"{variable}={first['input']}: {first['msg']}") from error


def build_defs(
    resource_overrides: Mapping[str, Any] | None = None, *, ends_lost: bool = True
) -> dg.Definitions:
    """Return the definitions of one run, that of the settings.

    Args:
        resource_overrides: resources that replace those of the same name.
        ends_lost: end the runs that are lost, of all code locations.
    """
    resources = build_resources(resource_overrides or {})
    settings, run = resources["settings"], resources["settings"].run
    # a sensor that is given resources opens Dagster's records anew at each look
    store = resources["store"] if isinstance(resources["store"], Store) else Store()
    return dg.Definitions(
        assets=automated(assets_of(run), run),
        jobs=[*jobs_of(settings), *champion_jobs_of(settings)],
        sensors=[
            annotations,
            retraining_on_new_data,
            alerts_of(settings, store),
            *([lost_runs_in(store)] if ends_lost else []),
        ],
        schedules=[weekly_retraining],
        resources=resources,
        executor=dg.in_process_executor,
    )
