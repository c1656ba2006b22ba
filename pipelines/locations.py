"""Code locations: one for each run that is served, a data set with a preset, called as it is.

A workspace names this module with the run as attribute, ``pipelines.locations:shapes-tiny``. What
the run is of besides its name, the folder of its data above all, whoever starts the code servers
hands over in a variable: to `unigs run` its own settings, to the user interface those that the
records of the store tell.
"""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import dagster as dg
import yaml
from pydantic import ValidationError

from assets_defs.run.partitions import SETTINGS_TAG, settings_tags
from pipelines.build import build_defs, settings_of_environment
from resources.run_settings import GraphSettings
from unigs.errors import ConfigError, choices

VARIABLE, NAME_VARIABLE = "UNIGS_RUNS", "UNIGS_LOCATION"
_ENVIRONMENT = ("UNIGS_DATASET", "UNIGS_PRESET", "UNIGS_ROOT", "UNIGS_SET")
_DATASET, _PRESET = settings_tags(GraphSettings())
# How far back in the records a run is looked for.
_RUNS = 200


def __getattr__(name: str) -> dg.Definitions:
    runs = _handed_over()
    if name not in runs:
        raise AttributeError(f"{name} is not among the runs of {VARIABLE}")
    return _definitions(name)


@cache
def _definitions(name: str) -> dg.Definitions:
    runs = _handed_over()
    settings = GraphSettings(**runs[name])
    # one ends the lost runs of all, whichever it is: that sensor remembers nothing
    return build_defs({"settings": settings}, ends_lost=name == next(iter(runs)))


def location_of(settings: GraphSettings) -> str:
    """Return what the code location of a run is called: as the run, or where the environment names
    that run, as ``UNIGS_LOCATION`` says (deploy/, whose servers have one location)."""
    called = os.environ.get(NAME_VARIABLE)
    return called if called and settings.run == settings_of_environment().run else settings.run


def hand_over(runs: Sequence[GraphSettings]) -> dict[str, str]:
    """Return the variable that tells code servers the settings of the runs that they serve."""
    return {VARIABLE: json.dumps({settings.run: settings.model_dump() for settings in runs})}


def handed_over(text: str) -> list[GraphSettings]:
    """Return the settings that such a variable tells; those that are none any more are left out."""
    found = []
    try:
        given = json.loads(text or "{}").values()
    except (ValueError, AttributeError):
        given = ()
    for one in given:
        with suppress(ValidationError, TypeError):
            found.append(GraphSettings(**one))
    return found


def _handed_over() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(os.environ.get(VARIABLE) or "{}")
    return found


def workspace(runs: Sequence[GraphSettings]) -> str:
    """Return the workspace file of the runs, as YAML."""
    targets = [
        {"module_name": __name__, "attribute": one.run, "location_name": location_of(one)}
        for one in runs
    ]
    return yaml.safe_dump({"load_from": [{"python_module": target} for target in targets]})


def served(
    instance: dg.DagsterInstance, asked: Sequence[str], before: Sequence[GraphSettings] = ()
) -> list[GraphSettings]:
    """Return the settings of the runs whose code locations the user interface serves.

    Each costs a process. They are the run that the environment names, else the last one; those
    whose sensor or schedule is switched on, which would stop otherwise; and those ``asked`` for.

    Args:
        before: the settings that were served last. Records tell of runs that were launched lately,
            not of one that is watched and was not launched since.

    Raises:
        ConfigError: the records hold no run that is asked for.
    """
    known = recorded(instance)
    if any(os.environ.get(name) for name in _ENVIRONMENT) or not known:
        first = settings_of_environment()
    else:
        first = next(iter(known.values()))
    for one in before:
        known.setdefault(one.run, one)
    known[first.run] = first
    for name in asked:
        if name not in known:
            raise ConfigError(f"no run {name} in this store", hint=choices(name, known))
    automated = _automated(instance)
    wanted = [first.run, *asked, *(n for n, one in known.items() if location_of(one) in automated)]
    return [known[name] for name in dict.fromkeys(wanted)]


def said_of(settings: GraphSettings) -> str:
    """Return a run with what its sensor, schedule and launchpad would run with, in a line."""
    names = ("preset", "root", "train_steps", "overrides")
    said = [f"{name}={value}" for name in names if (value := getattr(settings, name))]
    return f"{settings.run} ({', '.join(said)})"


def unserved(instance: dg.DagsterInstance, runs: Sequence[GraphSettings]) -> list[str]:
    """Return the code locations that somebody switched on and that are not among the runs."""
    return sorted(_automated(instance) - {location_of(one) for one in runs})


def recorded(instance: dg.DagsterInstance) -> dict[str, GraphSettings]:
    """Return the settings that each run was last launched with, the newest first."""
    found: dict[str, GraphSettings] = {}
    told: set[str] = set()
    for run in instance.get_runs(limit=_RUNS):
        settings = settings_of(run)
        if settings is None:
            continue
        # one of the launchpad may tell what it is of and not where the data is
        whole = {"dataset", "preset"} <= _given(run).keys()
        if settings.run not in found or (whole and settings.run not in told):
            found[settings.run] = settings
        if whole:
            told.add(settings.run)
    return found


def settings_of(run: dg.DagsterRun, asked: GraphSettings | None = None) -> GraphSettings | None:
    """Return the settings of a run, from its configuration and its tags; None where they do not
    tell its data set and preset, or there is no such setting any more.

    Args:
        asked: settings that are taken for what they do not tell.
    """
    names = {"dataset": _DATASET, "preset": _PRESET}
    given: dict[str, Any] = {n: run.tags[tag] for n, tag in names.items() if tag in run.tags}
    if asked is not None:
        # only the run that is asked for tells more of a preset than its name
        same = settings_tags(asked).items() <= run.tags.items()
        given = {**asked.model_dump(), **({} if same else given)}
    given |= _given(run)
    try:
        return GraphSettings(**given) if names.keys() <= given.keys() else None
    except ValidationError:
        return None


def _given(run: dg.DagsterRun) -> Mapping[str, Any]:
    resources: Any = run.run_config.get("resources", {})
    given: Mapping[str, Any] = resources.get("settings", {}).get("config", {})
    return {**json.loads(run.tags.get(SETTINGS_TAG, "{}")), **given}


def _automated(instance: dg.DagsterInstance) -> set[str]:
    """Return the code locations with a sensor or a schedule that somebody switched on."""
    states = instance.all_instigator_state()
    return {
        state.origin.repository_origin.code_location_origin.location_name
        for state in states
        if state.status.value == "RUNNING"
    }
