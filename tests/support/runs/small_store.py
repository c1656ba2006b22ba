"""A store of one data set whose data is real and whose models are records alone."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unigs.colormap import Palette
from unigs.datasets import open_dataset
from unigs.datasets.shapes.generate import write_shapes
from unigs.index.scene_source import IndexedScenes
from unigs.index.scenes_index import build_index
from unigs.io.files import sha256_of
from unigs.lineage.build_graph import BuildGraph
from unigs.lineage.forgotten import exclusions, read_forgotten
from unigs.lineage.history import PARTS, RECORD, note_build
from unigs.lineage.trace import INDEX, Trace
from unigs.samples.options import SampleOptions
from unigs.shards.build import build_shards

SPLITS = ("train", "val")
REGISTERED = "unigs-shapes-tiny-entity"


class SmallStore:
    """Six scenes to train on and two to evaluate on, in shards of the entity task.

    Args:
        base: the folder of the store.
        run: folder of the data set and preset in it.
        seed: of the scenes, whose keys are the same for all seeds.
    """

    def __init__(self, base: Path, run: str = "shapes-tiny", seed: int = 0) -> None:
        self.base, self.run = base, run
        write_shapes(self.place("raw"), 6, 2, 32, seed)
        self.versions = 0

    def place(self, *parts: str) -> Path:
        return self.base.joinpath(self.run, *parts)

    def image(self, split: str, number: int) -> Path:
        return sorted(self.place("raw", f"{split}2017").glob("*.jpg"))[number]

    def trace(self) -> Trace:
        return Trace(BuildGraph(self.base))

    def data(self) -> None:
        """Bring indexes and shards up to date, as the graph does."""
        self._note("raw", f"raw {self.run}", {})
        for split in SPLITS:
            folder = self.place("scenes", split)
            folder.mkdir(parents=True, exist_ok=True)
            report = build_index(
                open_dataset("shapes", self.place("raw"), split),
                folder / INDEX,
                excluded=exclusions(read_forgotten(self.base), "shapes", split),
            )
            file = f"annotations/panoptic_{split}2017.json"
            annotations = {file: sha256_of(self.place("raw", file))}
            told = {"images": report.images, "annotations": annotations}
            inputs = {"raw": f"raw {self.run}", "dataset": "shapes"}
            self._note(f"scenes/{split}", report.digest, inputs, told)
            scenes = IndexedScenes(folder / INDEX)
            options = SampleOptions(Palette(grid=5), scenes.class_names, size=32)
            manifest = build_shards(
                scenes, "entity", options, self.place("shards", split, "entity"), shards=2
            )
            self._note(
                f"shards/{split}/entity",
                manifest.digest,
                {"scenes": report.digest, "task": "entity"},
                {"samples": manifest.samples},
            )
            self._note(
                f"latents/{split}/entity",
                _digest("latents", manifest.digest),
                {"shards": manifest.digest},
            )

        place = self.place("protocol", "shards", "entity")
        tested = build_shards(scenes, "entity", options, place, shards=1)
        parts = {"shards/entity": tested.digest}
        self._note(
            "protocol",
            _digest("protocol", tested.digest),
            {"scenes": report.digest},
            {PARTS: parts},
        )

    def train(self) -> str:
        """Note a training on the shards there are, its model and its evaluation; the version."""
        self.versions += 1
        latents, shards, held_out, protocol = (
            json.loads(self.place(*parts, RECORD).read_text())["digest"]
            for parts in (
                ("latents", "train", "entity"),
                ("shards", "train", "entity"),
                ("shards", "val", "entity"),
                ("protocol",),
            )
        )
        run, weights = {"mlflow_run_id": "r1"}, _digest("weights", shards)
        self._note("weights/entity", weights, {"latents": {"entity": {"shapes": latents}}}, run)
        model = _digest("model", weights)
        version = {"name": REGISTERED, "version": str(self.versions), **run}
        self._note("models/entity", model, {"unet": weights}, version)
        folder = self.place("evaluation", "entity", "entity")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.json").write_text(json.dumps({"miou": 0.5, "fid": None}))
        inputs = {"model": model, "shards": held_out, "protocol": protocol}
        self._note("evaluation/entity/entity", _digest("metrics", model), inputs, run)
        reference = self.place("reference", "entity")
        reference.mkdir(parents=True, exist_ok=True)
        (reference / "metrics.json").write_text(json.dumps({"miou": 0.1, "codec_ceiling.miou": 1}))
        self._note("reference/entity", "reference", {"shards": held_out})
        decided = {"champion": str(self.versions), "reason": "promoted"}
        self._note("gate/entity", _digest("gate", model), {"model": model}, decided)
        return f"{REGISTERED}/{self.versions}"

    def _note(
        self,
        name: str,
        digest: str,
        inputs: Mapping[str, Any],
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        folder = self.place(*name.split("/"))
        folder.mkdir(parents=True, exist_ok=True)
        fingerprint = _digest(name, json.dumps(inputs))
        record = {"digest": digest, "fingerprint": fingerprint, "metadata": dict(metadata or {})}
        (folder / RECORD).write_text(json.dumps(record))
        note_build(folder, inputs, record)


def _digest(*parts: str) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()
