"""A step of a run: what each does before and around its own work, and what it works with."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg

from assets_defs.run.folders import Folders
from assets_defs.run.keys import require_own_run
from assets_defs.run.retries import tried_again
from resources.mlflow.connection.access import clear_errors
from resources.mlflow.tracking import Tracking
from resources.process.run_lock import hold_run
from resources.run_settings import GraphSettings
from resources.store import Store


@dataclass(frozen=True, slots=True)
class Step:
    """The context and resources of one step; ``folders`` are those of ``settings``."""

    context: dg.AssetExecutionContext
    store: Store
    settings: GraphSettings
    tracking: Tracking
    folders: Folders

    @classmethod
    def of(
        cls,
        context: dg.AssetExecutionContext,
        store: Store,
        settings: GraphSettings,
        tracking: Tracking,
    ) -> "Step":
        """Return the step with the folders of its data set and preset."""
        return cls(context, store, settings, tracking, Folders.of(store, settings))


def step_of_run(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate the function of an asset, directly below ``dg.asset``.

    A step of a run

    1. has the settings of the run that its asset is of (`require_own_run`),
    2. holds the lock by which others see that the run lives (`hold_run`),
    3. is tried again after a failure that may pass (`tried_again`),
    4. tells in one line what MLflow refuses or does not answer (`clear_errors`).

    ``compute`` returns its results or, as a generator, yields them.
    """

    @functools.wraps(compute)
    def run(context: dg.AssetExecutionContext, *arguments: Any, **resources: Any) -> Any:
        with _around(context, resources):
            return compute(context, *arguments, **resources)

    @functools.wraps(compute)
    def run_in_parts(context: dg.AssetExecutionContext, *arguments: Any, **resources: Any) -> Any:
        with _around(context, resources):
            yield from compute(context, *arguments, **resources)

    # Dagster asks the function which of the two it is.
    return run_in_parts if inspect.isgeneratorfunction(compute) else run


@contextmanager
def _around(context: dg.AssetExecutionContext, resources: Mapping[str, Any]) -> Iterator[None]:
    if "settings" in resources:
        require_own_run(context, resources["settings"])
    hold_run(context.run.run_id)
    with tried_again(context), clear_errors():
        yield
