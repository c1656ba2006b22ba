"""Folders in the store for the output of each asset of one data set and preset."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets_defs.run.partitions import with_task
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.config.data import MIX


@dataclass(frozen=True, slots=True)
class Folders:
    """Folders below ``<store>/<dataset>-<preset>``; none of them need exist.

    Each data set of a mix has raw, scenes and shards below its own ``<dataset>-<preset>``, where a
    run on it alone finds them; the rest is below ``mix-<preset>``. A variant of a model has shards
    and latents of its own, in a folder of its name below those of the run.
    """

    base: Path
    preset: str
    variant: str = ""

    @classmethod
    def of(cls, store: Store, settings: GraphSettings) -> "Folders":
        """Return the folders of the settings' data set and preset, checked to be writable."""
        return cls(store.folder(settings.run), settings.preset_name)

    @property
    def store(self) -> Path:
        """The folder of the store."""
        return self.base.parent

    def own(self, dataset: str) -> Path:
        """Of one data set alone."""
        return self.base.with_name(f"{dataset}-{self.preset}")

    def raw(self, dataset: str) -> Path:
        return self.own(dataset) / "raw"

    def scenes(self, dataset: str, split: str) -> Path:
        return self.own(dataset) / "scenes" / split

    @property
    def statistics(self) -> Path:
        return self.base / "statistics"

    @property
    def quarantine(self) -> Path:
        return self.base / "quarantine"

    def shards(self, dataset: str, split: str, task: str) -> Path:
        return self.own(dataset) / "shards" / self.variant / split / task

    @property
    def autoencoder(self) -> Path:
        return self.base / "components" / "autoencoder"

    @property
    def text_encoder(self) -> Path:
        return self.base / "components" / "text_encoder"

    def latents(self, dataset: str, split: str, task: str) -> Path:
        alone = self.own(dataset) == self.base
        return self.base / "latents" / self.variant / ("" if alone else dataset) / split / task

    @property
    def protocol(self) -> Path:
        return self.base / "protocol"

    @property
    def manifest(self) -> Path:
        return self.base / "manifest"

    def trained_on(self, version: str) -> Path:
        """File of the distributions that a registered version, ``name/version``, was trained on."""
        return self.base / "trained_on" / f"{version.replace('/', '-')}.json"

    def weights(self, name: str) -> Path:
        return self.base / "weights" / name

    def model(self, name: str) -> Path:
        return self.base / "models" / name

    def evaluator(self, name: str) -> Path:
        return self.base / "evaluators" / name

    def reference(self, task: str) -> Path:
        return self.base / "reference" / task

    @property
    def features(self) -> Path:
        """Features of real images, which all runs of the store share."""
        return self.store / "features"

    def evaluation(self, model: str, task: str) -> Path:
        return self.base / "evaluation" / model / task

    def report(self, model: str) -> Path:
        return self.base / "report" / model

    def table(self, number: int) -> Path:
        return self.base / "tables" / str(number)

    def gate(self, model: str) -> Path:
        return self.base / "gate" / model


def sample_folders(
    folders: Folders, settings: GraphSettings, split: str, tasks: Sequence[str]
) -> dict[str, Any]:
    """Task -> folder that training reads, of a mix task -> {data set: folder}: latents, or pixel
    shards where there are none on disk."""
    kind = folders.latents if settings.values.data.latents else folders.shards
    found: dict[str, dict[str, str]] = {
        task: {one: str(kind(one, split, task)) for one in with_task(settings, split, task)}
        for task in tasks
    }
    if settings.dataset == MIX and split == "train":
        return found
    return {task: folder for task, held in found.items() for folder in held.values()}


def leaves(held: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the values of nested mappings."""
    for value in held.values():
        yield from leaves(value) if isinstance(value, Mapping) else [value]
