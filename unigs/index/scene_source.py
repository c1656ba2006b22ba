"""Sources of scenes for a build of shards: as many shards at a time as fit in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc

from unigs.errors import DataError
from unigs.index.scenes_index import ScenesIndex
from unigs.index.status import OK
from unigs.scene import Scene


class SceneHead(NamedTuple):
    """What the assignment of scenes to shards needs to know: key and digest of a scene."""

    key: str
    digest: str


@runtime_checkable
class SceneSource(Protocol):
    """Scenes that can be listed without being read, and handed to worker processes."""

    def heads(self) -> list[SceneHead]:
        """Key and digest of every scene."""

    def split(self, groups: Sequence[Sequence[str]]) -> list[Iterable[Scene]]:
        """For each group of keys its scenes in that order, as something that can be pickled."""


class SceneList:
    """Scenes held in memory. Raises DataError when two have one key."""

    def __init__(self, scenes: Iterable[Scene]) -> None:
        self._scenes: dict[str, Scene] = {}
        for scene in scenes:
            if scene.key in self._scenes:
                raise _twice(scene.key, scene.image_file)
            self._scenes[scene.key] = scene

    def heads(self) -> list[SceneHead]:
        return [SceneHead(scene.key, scene.digest) for scene in self._scenes.values()]

    def split(self, groups: Sequence[Sequence[str]]) -> list[Iterable[Scene]]:
        return [[self._scenes[key] for key in keys] for keys in groups]


class IndexedScenes:
    """The scenes of a scenes index, of which only the rows asked for are in memory.

    Parquet has no access by row, so each `split` passes over the file once.
    """

    def __init__(self, path: Path | str, root: Path | str | None = None) -> None:
        self._index = ScenesIndex(path, root)
        self.class_names = self._index.class_names

    def heads(self) -> list[SceneHead]:
        columns = ["key", "status", "image_digest", "annotation_digest"]
        found: dict[str, SceneHead] = {}
        for row in self._index.rows(columns):
            if row["status"] != OK:
                continue
            if row["key"] in found:
                raise _twice(row["key"], self._index.path)
            text = f"{row['image_digest']}{row['annotation_digest']}"
            found[row["key"]] = SceneHead(row["key"], hashlib.sha256(text.encode()).hexdigest())
        return list(found.values())

    def split(self, groups: Sequence[Sequence[str]]) -> list[Iterable[Scene]]:
        if not self._index.root.is_dir():
            raise DataError(
                f"the data set is no longer at {self._index.root}",
                file=self._index.path,
                hint="give the folder where it is now as its root",
            )
        wanted = pa.array([key for keys in groups for key in keys], pa.string())
        parts = [batch.filter(pc.is_in(batch["key"], wanted)) for batch in self._index.batches()]
        table = pa.Table.from_batches(parts).combine_chunks()
        place = {key: row for row, key in enumerate(table["key"].to_pylist())}
        return [
            _IndexedRows(self._index.path, self._index.root, table.take([place[k] for k in keys]))
            for keys in groups
        ]


class _IndexedRows:
    """Some rows of a scenes index; the scenes are rebuilt one by one."""

    def __init__(self, path: Path, root: Path, rows: pa.Table) -> None:
        self._path, self._root, self._rows = path, root, rows

    def __iter__(self) -> Iterator[Scene]:
        index = ScenesIndex(self._path, self._root)
        for batch in self._rows.to_batches(max_chunksize=16):
            for row in batch.to_pylist():
                yield index.scene(row)


def _twice(key: str, file: Path) -> DataError:
    return DataError(
        "two scenes of one key", file=file, record=key, hint="give each image its own key"
    )
