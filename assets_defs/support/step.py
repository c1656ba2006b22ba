"""What the step of an asset works with."""

from dataclasses import dataclass

import dagster as dg

from assets_defs.support.folders import Folders
from resources.mlflow.tracking import Tracking
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
