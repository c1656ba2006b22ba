"""Settings of a run: preset, data set and overrides of the preset."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from unigs.config.descriptions import setting_descriptions
from unigs.config.overrides import unspelled
from unigs.config.preset import Preset, load_preset
from unigs.remote.address import is_address, require_no_password
from unigs.workflows.sources import GENERATED, Source, evaluated, run_sources


def absolute(folder: str) -> str:
    """Return a folder as `unigs run` notes it, by which the sensor knows its runs; an address
    stays, without a slash at its end, and so does "".

    Raises ConfigError for an address with a password.
    """
    require_no_password(folder)
    if is_address(folder):
        return folder.rstrip("/")
    return str(Path(folder).expanduser().resolve()) if folder else ""


def absolute_preset(preset: str) -> str:
    """Return a preset as `unigs run` notes it: a file by its whole path, since servers and workers
    run in other folders; a name stays."""
    path = Path(preset)
    return str(path.resolve()) if path.is_file() else preset


class GraphSettings(dg.ConfigurableResource):
    """The settings of a run; every field can be set in the launchpad."""

    preset: str = Field(default="tiny", description="name of a preset, or path of a preset file")
    dataset: str = Field(
        default=GENERATED, description="name of the data set; mix: those of the preset's data.mix"
    )
    root: str = Field(
        default="",
        description="its folder or s3://bucket/folder, of mix the parent; shapes needs none",
    )
    train_steps: int = Field(
        default=0, ge=0, description="optimiser steps; 0 leaves them to the preset"
    )
    overrides: dict[str, Any] = Field(
        default={},
        description=(
            "settings of the preset by their dotted names, in place of its own: "
            "{checkpoint: /models/sd15, training.batch_size: 8}. There are:\n"
            + "\n".join(
                f"{name}: {said}" if said else name
                for name, said in setting_descriptions(Preset).items()
            )
        ),
    )
    workers: int = Field(default=2, ge=1, description="processes that build shards")

    @property
    def preset_name(self) -> str:
        """The preset's name; of a file, its stem."""
        return Path(self.preset).stem

    @property
    def run(self) -> str:
        """The data set with the preset's name: of folders and assets, ``shapes-tiny``."""
        return f"{self.dataset}-{self.preset_name}"

    @property
    def values(self) -> Preset:
        """The preset with this run's changes."""
        changes = unspelled(Preset, self.overrides)
        if self.train_steps:
            changes["training.steps"] = self.train_steps
        return _load(self.preset, json.dumps(changes, sort_keys=True))

    @property
    def sources(self) -> tuple[Source, ...]:
        """The data sets that are trained on: one with all tasks, or the preset's mix."""
        return run_sources(self.values, self.dataset, self.root)

    def source(self, dataset: str) -> Source:
        """The data set of that name, one of ``sources``."""
        return next(source for source in self.sources if source.dataset == dataset)

    @property
    def evaluated(self) -> str:
        """The data set whose validation split is evaluated."""
        return evaluated(self.values, self.dataset)


@lru_cache(maxsize=8)
def _load(preset: str, changes: str) -> Preset:
    return load_preset(preset, json.loads(changes))
