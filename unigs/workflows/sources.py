"""The data sets that a run is trained on, and the shard folders that it has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unigs.config.data import MIX
from unigs.config.preset import Preset
from unigs.datasets import DATASETS
from unigs.errors import ConfigError, choices
from unigs.remote.address import is_address, require_no_password
from unigs.remote.copy import copy_folder
from unigs.tasks import TASKS

GENERATED = "shapes"


@dataclass(frozen=True, slots=True)
class Source:
    """One data set of a run.

    Attributes:
        dataset: its name, which is its format's outside a mix.
        format: of its files, a name of `DATASETS`.
        root: its folder, or the address of a bucket as text; None for the generated one.
        tasks: it is trained on.
        exhaustive: as in `unigs.config.data.MixedDataset`.
    """

    dataset: str
    format: str
    root: Path | str | None
    tasks: tuple[str, ...]
    exhaustive: bool = True


def run_sources(preset: Preset, dataset: str, root: str) -> tuple[Source, ...]:
    """Return the data sets that are trained on: one with all tasks, or the preset's mix.

    Args:
        root: folder or address of the data set, of a mix that of their folders; "" for none.

    Raises:
        ConfigError: a data set without its folder, an unknown one, a password in an address, or a
            preset that mixes nothing.
    """
    if dataset != MIX:
        if dataset not in DATASETS:
            hint = choices(dataset, (MIX, *DATASETS))
            raise ConfigError(f"unknown data set {dataset!r}", hint=hint)
        folder = _folder(dataset, dataset, root, "", False)
        return (Source(dataset, dataset, folder, tuple(TASKS)),)
    members = preset.data.mix
    if not members:
        raise ConfigError(f"preset {preset.name} mixes nothing", hint="fill in its data.mix")
    formats = {name: member.format or name for name, member in members.items()}
    for name, kind in formats.items():
        if kind not in DATASETS:
            said = "the unknown data set" if name == kind else f"for {name} the unknown format"
            raise ConfigError(
                f"data.mix of preset {preset.name} names {said} {kind!r}",
                hint=f"give some of {', '.join(DATASETS)}"
                + (", or a format with a name of your own" if name == kind else ""),
            )
        # The folders of a run on that format alone would be taken for this one's.
        if name in DATASETS and name != kind:
            raise ConfigError(
                f"data.mix of preset {preset.name} calls a data set in the format {kind} {name}",
                hint="give it a name that is no format",
            )
    return tuple(
        Source(
            name,
            formats[name],
            _folder(name, formats[name], root, _below(name, formats[name], member.root), True),
            tuple(task for task in TASKS if task in member.tasks),
            member.exhaustive,
        )
        for name, member in members.items()
    )


def folder_of(source: Source, store: Path, preset: str) -> Path | None:
    """Return the folder of a data set: of one in a bucket that of a preset's copy in a store, which
    may not exist; None for the generated one."""
    if isinstance(source.root, str):
        return copy_folder(store, source.root, f"{source.dataset}-{preset}")
    return source.root


def evaluated(preset: Preset, dataset: str) -> str:
    """Return the data set whose validation split is evaluated."""
    return preset.data.dataset if dataset == MIX else dataset


def _below(name: str, kind: str, given: str) -> str:
    return given or ("" if kind == GENERATED else name)


def _folder(dataset: str, kind: str, root: str, below: str, mixed: bool) -> Path | str | None:
    """``below`` the run's root; a generated data set that names no folder has none."""
    for place in (root, below):
        require_no_password(place)
    if kind == GENERATED and not below and (not root or mixed):
        return None
    if is_address(below):
        return below.rstrip("/")
    if is_address(root) and not Path(below).is_absolute():
        return "/".join(filter(None, (root.rstrip("/"), below)))
    if not root and not Path(below).is_absolute():
        raise ConfigError(f"{dataset} needs its folder", hint="give --root DIR")
    return Path(root, below).expanduser().resolve()
