"""The data sets that a run is trained on, and the shard folders that it has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unigs.config.preset import Preset
from unigs.datasets import DATASETS
from unigs.errors import ConfigError
from unigs.tasks import TASKS

GENERATED = "shapes"
MIX = "mix"


@dataclass(frozen=True, slots=True)
class Source:
    """One data set of a run: ``root`` None for the generated one, ``tasks`` it is trained on."""

    dataset: str
    root: Path | None
    tasks: tuple[str, ...]


def run_sources(preset: Preset, dataset: str, root: str) -> tuple[Source, ...]:
    """Return the data sets that are trained on: one with all tasks, or the preset's mix.

    Args:
        root: folder of the data set, of a mix the folder of their folders; "" for none.

    Raises:
        ConfigError: a data set without its folder, an unknown one, or a preset that mixes nothing.
    """
    if dataset != MIX:
        return (Source(dataset, _folder(dataset, root, "", False), tuple(TASKS)),)
    members = preset.data.mix
    if not members:
        raise ConfigError(f"preset {preset.name} mixes nothing", hint="fill in its data.mix")
    if unknown := [name for name in members if name not in DATASETS]:
        raise ConfigError(
            f"data.mix of preset {preset.name} names the unknown data set {unknown[0]!r}",
            hint=f"give some of {', '.join(DATASETS)}",
        )
    return tuple(
        Source(
            name,
            _folder(name, root, member.root or ("" if name == GENERATED else name), True),
            tuple(task for task in TASKS if task in member.tasks),
        )
        for name, member in members.items()
    )


def evaluated(preset: Preset, dataset: str) -> str:
    """Return the data set whose validation split is evaluated."""
    return preset.data.dataset if dataset == MIX else dataset


def _folder(dataset: str, root: str, below: str, mixed: bool) -> Path | None:
    """``below`` the run's root; a generated data set that names no folder has none."""
    if dataset == GENERATED and not below and (not root or mixed):
        return None
    if not root and not Path(below).is_absolute():
        raise ConfigError(f"{dataset} needs its folder", hint="give --root DIR")
    return Path(root, below).expanduser().resolve()
