"""What a run is about: a preset, a data set, and what the run changes about the preset."""

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from unigs.errors import ConfigError

if TYPE_CHECKING:
    from unigs.configuration import Preset

GENERATED = "shapes"


class GraphSettings(dg.ConfigurableResource):
    """The settings of a run; every field can be set in the launchpad."""

    preset: str = Field(default="tiny", description="name of a preset, or path of a preset file")
    dataset: str = Field(default=GENERATED, description="name of the data set")
    root: str = Field(default="", description="its folder; the generated data set needs none")
    train_steps: int = Field(
        default=0, ge=0, description="optimiser steps; 0 leaves them to the preset"
    )
    overrides: dict[str, Any] = Field(
        default={}, description="dotted names of the preset to values, e.g. data.train_scenes: 100"
    )
    workers: int = Field(default=2, ge=1, description="processes that build shards")

    @property
    def preset_name(self) -> str:
        """The preset's name; of a file, its stem."""
        return Path(self.preset).stem

    @property
    def values(self) -> "Preset":
        """The preset with this run's changes."""
        changes = dict(self.overrides)
        if self.train_steps:
            changes["training.steps"] = self.train_steps
        return _load(self.preset, json.dumps(changes, sort_keys=True))

    @property
    def external_root(self) -> Path | None:
        """Folder of the data set; None for the generated one."""
        if self.dataset == GENERATED and not self.root:
            return None
        if not self.root:
            raise ConfigError(f"{self.dataset} needs its folder", mend="give --root DIR")
        return Path(self.root).expanduser().resolve()


@lru_cache(maxsize=8)
def _load(preset: str, changes: str) -> "Preset":
    from unigs.configuration import load_preset

    return load_preset(preset, json.loads(changes))
