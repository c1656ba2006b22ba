"""Where an image went: the scenes it is, the shards that hold them, what was made of those.

Answers come from the tables of `unigs.lineage.tables` and the histories of the store. A table that
is missing for what is in the store now is made first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from unigs.errors import DataError
from unigs.lineage.build_graph import BuildGraph, in_order
from unigs.lineage.history import PARTS, Build
from unigs.lineage.tables import SceneRow, Tables
from unigs.shards.manifest import MANIFEST, read_manifest

INDEX = "index.parquet"
# Fitted on training scenes or shards, they pass on what they saw to every model.
FITTED = ("components", "evaluators")


@dataclass(frozen=True, slots=True)
class FoundScene:
    """A scene in one build of a scenes index."""

    build: Build
    row: SceneRow

    @property
    def dataset(self) -> str:
        return str(self.build.inputs.get("dataset", self.build.run))

    @property
    def split(self) -> str:
        return self.build.name

    @property
    def name(self) -> str:
        """``<dataset>-<preset>/<split>/<key>``: presets of one generated set have other images."""
        return f"{self.build.run}/{self.split}/{self.row.key}"


@dataclass(frozen=True, slots=True)
class HeldIn:
    """Shards of one build that hold a scene: folder below the store -> shard -> samples."""

    build: Build
    shards: dict[str, dict[str, int]]


@dataclass(slots=True)
class Reached:
    """What an image reached.

    Attributes:
        held: the builds of shards and protocols that hold it.
        trained: weights that were trained on its samples.
        models: pipelines with these weights.
        through: models that it reached only through a fitted component.
        evaluated: evaluations on its samples.
        others: everything else that was made from these, in the order of the stages.
        unknown: builds of shards whose samples are not recorded.
    """

    held: list[HeldIn] = field(default_factory=list)
    trained: list[Build] = field(default_factory=list)
    models: list[Build] = field(default_factory=list)
    through: list[Build] = field(default_factory=list)
    evaluated: list[Build] = field(default_factory=list)
    others: list[Build] = field(default_factory=list)
    unknown: list[Build] = field(default_factory=list)


class Trace:
    """The images of a store.

    Args:
        graph: its builds.
    """

    def __init__(self, graph: BuildGraph) -> None:
        self.graph = graph
        self.tables = Tables(graph.store)
        self._refresh()

    def scenes(self, term: str) -> list[FoundScene]:
        """Return the scenes with this key, file name or SHA-256 of the image, in every build of
        every scenes index."""
        return [
            FoundScene(build, row)
            for build in self.graph.stage("scenes")
            if self.tables.has_scenes(build.digest)
            for row in self.tables.scenes_called(build.digest, term)
        ]

    def parts(self, build: Build) -> dict[str, str]:
        """Return the shard folders of a build, of shards or a protocol: folder -> digest."""
        if build.stage == "shards":
            return {build.folder: build.digest}
        parts = build.metadata.get(PARTS)
        if parts is None and build.current:
            # of a version that did not note them
            folder = self.graph.store / build.folder
            parts = {
                file.parent.relative_to(folder).as_posix(): read_manifest(file.parent).digest
                for file in sorted(folder.rglob(MANIFEST))
            }
        return {f"{build.folder}/{part}": digest for part, digest in (parts or {}).items()}

    def reached(self, scenes: Iterable[FoundScene]) -> Reached:
        """Follow scenes into shards, latents, models and evaluations."""
        found = list(scenes)
        reached = Reached()
        builds = {scene.build: None for scene in found}
        # equal indexes of several presets are read by the same builds
        digests = {index.digest: index for index in builds}
        for digest, index in digests.items():
            keys = {scene.row.key for scene in found if scene.build is index}
            for build in self.graph.users(digest):
                if build.stage in ("shards", "protocol"):
                    self._hold(build, keys, reached)
        seeds = [held.build for held in reached.held]
        # what was fitted on the scenes themselves, and not on shards
        fitted = [
            user
            for index in builds
            for user in self.graph.users(index.digest)
            if user.stage in FITTED
        ]
        direct = self.graph.down(seeds, without=FITTED)
        everything = dict.fromkeys([*fitted, *self.graph.down([*seeds, *fitted]), *direct])
        reached.trained = [build for build in direct if build.stage == "weights"]
        reached.models = [build for build in direct if build.stage == "models"]
        reached.evaluated = [
            build
            for build in direct
            if build.stage == "evaluation" and self._reads(build, reached.held)
        ]
        told = {*reached.trained, *reached.models, *reached.evaluated}
        reached.through = [
            build for build in everything if build.stage == "models" and build not in told
        ]
        told |= set(reached.through)
        reached.others = in_order(build for build in everything if build not in told)
        return reached

    def _hold(self, build: Build, keys: set[str], reached: Reached) -> None:
        parts = self.parts(build)
        known = {part: digest for part, digest in parts.items() if self.tables.has_shards(digest)}
        if len(known) < len(parts) or not parts:
            reached.unknown.append(build)
        shards: dict[str, dict[str, int]] = {}
        for part, digest in known.items():
            for key in keys:
                for shard, samples in self.tables.shards_with(digest, key).items():
                    counts = shards.setdefault(part, {})
                    counts[shard] = counts.get(shard, 0) + samples
        if shards:
            reached.held.append(HeldIn(build, shards))

    def _reads(self, evaluation: Build, held: list[HeldIn]) -> bool:
        return any(
            user is evaluation for one in held for user in self.graph.users(one.build.digest)
        )

    def _refresh(self) -> None:
        """Make the tables that are missing of what is in the store now."""
        for build in self.graph.stage("scenes", "shards", "protocol"):
            folder = self.graph.store / build.folder
            if not build.current or not folder.is_dir():
                continue
            if build.stage == "scenes" and not self.tables.has_scenes(build.digest):
                self.tables.write_scenes(folder / INDEX, build.digest)
            elif build.stage == "shards":
                self.tables.write_shards(folder, build.digest)
            elif build.stage == "protocol":
                for part, digest in self.parts(build).items():
                    self.tables.write_shards(self.graph.store / part, digest)


def require_scenes(
    found: list[FoundScene], text: str, store: Path, asked: str = "image"
) -> list[FoundScene]:
    """Return the scenes of one image, under all its names.

    Args:
        asked: for what `text` may stand.

    Raises DataError when there are none, or those of several images.
    """
    if not found:
        raise DataError(
            f"no {asked} of this store is {text}",
            file=store,
            hint="give the key of a scene, a file, its name, or the SHA-256 of its bytes",
        )
    images: list[set[str]] = []
    for scene in found:
        marks = {scene.name, scene.row.image_digest}
        apart = [group for group in images if not group & marks]
        images = [*apart, marks.union(*(group for group in images if group & marks))]
    if len(images) > 1:
        names = sorted({scene.name for scene in found})
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        raise DataError(
            f"{text} is the name of {len(images)} images: {shown}",
            file=store,
            hint="give one of these, or the SHA-256 of its bytes",
        )
    return found
