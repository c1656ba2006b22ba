"""The chain of a metric, a model, a shard or an image, up and down, as JSON values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from unigs.lineage.find import FoundMetric, FoundShard, find
from unigs.lineage.forgotten import Forgotten, read_forgotten
from unigs.lineage.history import Build
from unigs.lineage.taint import tainted_models
from unigs.lineage.trace import FoundScene, Reached, Trace

# Of the metadata of a build, what a chain tells.
_TOLD = (
    "mlflow_run_id", "model_id", "images", "samples", "scenes", "steps", "annotations", "root",
    "files", "reason",
)  # fmt: skip


class Answer:
    """Answers about one store.

    Args:
        trace: its images and builds.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.forgotten = read_forgotten(trace.graph.store)
        self._champions = trace.graph.champions()

    def about(self, text: str) -> dict[str, Any]:
        """Return what a name means and its chain.

        Returns:
            ``kind`` and ``name``; ``up``: what it was made from; ``down``: what was made from it,
            both as builds in the order of the stages; of an image also ``scenes``, ``shards``,
            ``models`` and ``forgotten``; of a shard ``scenes``; of a model ``forgotten``.

        Raises:
            DataError: the name means nothing here, or several things.
        """
        found = find(self.trace, text)
        if isinstance(found, list):
            return self._image(found)
        if isinstance(found, FoundShard):
            return self._shard(found)
        if isinstance(found, FoundMetric):
            own = {"kind": "metric", "name": found.name, "value": found.value}
            return own | self._chain(found.build)
        return self._built(found)

    def build(self, build: Build) -> dict[str, Any]:
        """Return a build as JSON values; a model with its version, and whether it is the
        champion."""
        told = {name: build.metadata[name] for name in _TOLD if name in build.metadata}
        if build.version:
            champion = build.version in self._champions
            told = {"model": build.version, "champion": champion, **told}
        return {
            "stage": build.stage,
            "folder": build.folder,
            "digest": build.digest,
            "time": build.time,
            "current": build.current,
            **told,
        }

    def builds(self, builds: Iterable[Build]) -> list[dict[str, Any]]:
        """Return builds as JSON values."""
        return [self.build(build) for build in builds]

    def models(self, reached: Reached) -> list[dict[str, Any]]:
        """Return the models that saw an image: those trained on it, then those that it reached
        through a fitted component, then those evaluated on it."""
        told: dict[str, dict[str, Any]] = {}
        for seen, models in (
            ("trained on it", reached.models),
            ("through a fitted component", reached.through),
            ("evaluated on it", [self._model_of(build) for build in reached.evaluated]),
        ):
            for build in models:
                if build is not None and build.version and build.version not in told:
                    told[build.version] = {**self.build(build), "saw": seen}
        return list(told.values())

    def held(self, reached: Reached) -> list[dict[str, Any]]:
        """Return the shards that hold an image."""
        return [
            {
                "folder": folder,
                "shards": shards,
                "sha256": {
                    file.path: file.sha256
                    for file in self.trace.tables.shard_files(self.trace.parts(one.build)[folder])
                    if file.path in shards
                },
                "time": one.build.time,
                "current": one.build.current,
            }
            for one in reached.held
            for folder, shards in one.shards.items()
        ]

    def _image(self, scenes: list[FoundScene]) -> dict[str, Any]:
        reached = self.trace.reached(scenes)
        digests = {scene.row.image_digest for scene in scenes}
        indexes = list(dict.fromkeys(scene.build for scene in scenes))
        return {
            "kind": "image",
            "name": scenes[-1].name,
            "forgotten": [
                image.sentence for image in self.forgotten if image.image_digest in digests
            ],
            "scenes": [_scene(scene) for scene in _newest(scenes)],
            "shards": self.held(reached),
            "models": self.models(reached),
            "up": self.builds([*self.trace.graph.up(indexes), *indexes]),
            "down": self.builds([*reached.trained, *reached.evaluated, *reached.others]),
            "unknown": self.builds(reached.unknown),
        }

    def _shard(self, found: FoundShard) -> dict[str, Any]:
        tables = self.trace.tables
        keys = tables.scenes_of(found.pixels, found.name) if tables.has_shards(found.pixels) else []
        rows = [
            row
            for index in self.trace.graph.up([found.build])
            if index.stage == "scenes" and tables.has_scenes(index.digest)
            for row in tables.scenes_named(index.digest, keys)
        ]
        return {
            "kind": "shard",
            "name": f"{found.folder}/{found.name}",
            "sha256": found.sha256,
            "scenes": [
                {"key": row.key, "image": row.image, "image_digest": row.image_digest,
                 "annotation_digest": row.annotation_digest}
                for row in rows
            ],
            **self._chain(found.build),
        }  # fmt: skip

    def _built(self, build: Build) -> dict[str, Any]:
        if not build.version:
            return {"kind": "build", "name": build.folder, **self._chain(build)}
        saw = tainted_models(self.trace, self.forgotten).get(build.version, [])
        return {
            "kind": "model",
            "name": build.version,
            "forgotten": [_entry(image) for image in self.forgotten if image.image_digest in saw],
            **self._chain(build),
        }

    def _chain(self, build: Build) -> dict[str, Any]:
        graph = self.trace.graph
        return {
            "up": self.builds([*graph.up([build]), build]),
            "down": self.builds(graph.down([build])),
        }

    def _model_of(self, evaluation: Build) -> Build | None:
        models = [build for build in self.trace.graph.sources(evaluation) if build.version]
        return models[0] if models else None


def _newest(scenes: list[FoundScene]) -> list[FoundScene]:
    """Return the last build of each scene of each data set and preset."""
    return list({(scene.build.folder, scene.row.key): scene for scene in scenes}.values())


def _scene(scene: FoundScene) -> dict[str, Any]:
    return {
        "name": scene.name,
        "folder": scene.build.folder,
        "current": scene.build.current,
        "image": scene.row.image,
        "image_digest": scene.row.image_digest,
        "annotation_digest": scene.row.annotation_digest,
    }


def _entry(image: Forgotten) -> dict[str, str]:
    name = f"{image.scenes[0].dataset}/{image.scenes[0].split}/{image.scenes[0].key}"
    return {"image": name, "image_digest": image.image_digest, "forgotten": image.sentence}
