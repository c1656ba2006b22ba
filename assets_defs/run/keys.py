"""Keys of assets begin with the run: a data set with a preset, as its folder in the store.

So each run has assets, histories and partitions of its own in a store that holds several:
``shapes-tiny/joint_weights``. Within a run an asset is called by the rest of its key.
"""

import dagster as dg

from resources.run_settings import GraphSettings
from unigs.errors import ConfigError


def asset_key(run: str, name: str) -> dg.AssetKey:
    """Return the key of an asset of a run: ``evaluator/segmenter`` -> ``shapes-tiny/evaluator/
    segmenter``."""
    return dg.AssetKey([run, *name.split("/")])


def asset_name(key: dg.AssetKey) -> str:
    """Return what an asset is called within its run; one whose key has no run, as in records of
    older stores, is called by its key."""
    return "/".join(key.path[1:] or key.path)


def require_own_run(context: dg.AssetExecutionContext, settings: GraphSettings) -> None:
    """Raise ConfigError where an asset of one run is given the settings of another, which would be
    a history of neither."""
    own = context.asset_key.path[0]
    if settings.run != own:
        raise ConfigError(
            f"the settings are of {settings.run}, the assets of {own}",
            hint=f"launch it in the code location {settings.run} "
            f"(python -m pipelines.ui --run {settings.run}) or by unigs run",
        )
