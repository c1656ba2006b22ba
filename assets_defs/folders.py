"""Where each asset of one data set and preset keeps its output in the store."""

from dataclasses import dataclass
from pathlib import Path

from resources.settings import GraphSettings
from resources.store import Store


@dataclass(frozen=True, slots=True)
class Folders:
    """Folders below ``<store>/<dataset>-<preset>``; none of them need exist."""

    base: Path

    @classmethod
    def of(cls, store: Store, settings: GraphSettings) -> "Folders":
        """The folders of the data set and preset that ``settings`` name, proven writable."""
        return cls(store.folder(f"{settings.dataset}-{settings.preset_name}"))

    @property
    def raw(self) -> Path:
        return self.base / "raw"

    def scenes(self, split: str) -> Path:
        return self.base / "scenes" / split

    @property
    def statistics(self) -> Path:
        return self.base / "statistics"

    @property
    def quarantine(self) -> Path:
        return self.base / "quarantine"

    def shards(self, split: str, task: str) -> Path:
        return self.base / "shards" / split / task

    @property
    def autoencoder(self) -> Path:
        return self.base / "components" / "autoencoder"

    @property
    def text_encoder(self) -> Path:
        return self.base / "components" / "text_encoder"

    def latents(self, split: str, task: str) -> Path:
        return self.base / "latents" / split / task

    @property
    def protocol(self) -> Path:
        return self.base / "protocol"

    @property
    def manifest(self) -> Path:
        return self.base / "manifest"

    def weights(self, name: str) -> Path:
        return self.base / "weights" / name

    def model(self, name: str) -> Path:
        return self.base / "models" / name

    def evaluator(self, name: str) -> Path:
        return self.base / "evaluators" / name

    def reference(self, task: str) -> Path:
        return self.base / "reference" / task

    def evaluation(self, model: str, task: str) -> Path:
        return self.base / "evaluation" / model / task

    def report(self, model: str) -> Path:
        return self.base / "report" / model

    def gate(self, model: str) -> Path:
        return self.base / "gate" / model
