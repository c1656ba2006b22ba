"""Where a build of shards takes its scenes from: few at a time, by key, in any process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from unigs.errors import DataError
from unigs.scene import Scene


class SceneHead(NamedTuple):
    """What the assignment of scenes to shards needs to know: key and digest of a scene."""

    key: str
    digest: str


@runtime_checkable
class SceneSource(Protocol):
    """Scenes that can be counted without being read, and pickled into a worker process."""

    def heads(self) -> list[SceneHead]:
        """Key and digest of every scene."""

    def load(self, keys: Sequence[str]) -> Iterator[Scene]:
        """The scenes of those keys, in that order."""

    def subset(self, keys: Sequence[str]) -> SceneSource:
        """A source of those keys alone, no larger than it must be, for a worker process."""


class SceneList:
    """Scenes held in memory."""

    def __init__(self, scenes: Iterable[Scene]) -> None:
        self._scenes: dict[str, Scene] = {}
        for scene in scenes:
            if scene.key in self._scenes:
                raise DataError(
                    "two scenes of one key", file=scene.image_file, record=scene.key,
                    mend="give each image of a split its own key",
                )  # fmt: skip
            self._scenes[scene.key] = scene

    def heads(self) -> list[SceneHead]:
        return [SceneHead(scene.key, scene.digest) for scene in self._scenes.values()]

    def load(self, keys: Sequence[str]) -> Iterator[Scene]:
        return (self._scenes[key] for key in keys)

    def subset(self, keys: Sequence[str]) -> SceneList:
        return SceneList(self.load(keys))
