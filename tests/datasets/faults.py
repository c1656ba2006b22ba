"""What all tests of broken input ask: what was refused, and is everything beside it intact?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from tests.datasets.layouts import ANNOTATIONS, WRITERS
from unigs.datasets import open_dataset
from unigs.scene import Quarantined, Scene


class Bench:
    """One layout, its intact scenes, and copies of it that tests may break."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.sound = folder / name
        self.sound.mkdir()
        WRITERS[name](self.sound)
        self.scenes = {scene.key: scene for scene in open_dataset(name, self.sound, "train")}

    def copy(self, folder: Path) -> Path:
        root = folder / self.name
        shutil.copytree(self.sound, root)
        return root

    def scan(self, root: Path) -> tuple[dict[str, Scene], list[Quarantined]]:
        """Read a copy; every scene found must equal the intact one of its key."""
        scenes: dict[str, Scene] = {}
        refused: list[Quarantined] = []
        for record in open_dataset(self.name, root, "train").scan():
            if isinstance(record, Scene):
                assert record.key not in scenes
                scenes[record.key] = record
            else:
                assert record.reason
                assert "\n" not in record.reason
                assert not Path(record.file).is_absolute()
                refused.append(record)
        return scenes, refused

    def others(self, scenes: dict[str, Scene], key: str) -> None:
        """All scenes but that one are there, and as they were."""
        assert set(scenes) - {key} == set(self.scenes) - {key}
        for other in set(scenes) - {key}:
            assert same(scenes[other], self.scenes[other])


def same(one: Scene, two: Scene) -> bool:
    return (
        np.array_equal(one.segments, two.segments)
        and (one.entities, one.crowd) == (two.entities, two.crowd)
        and one.digest == two.digest
    )


def edit(root: Path, name: str, change: Any) -> None:
    """Let `change` alter the parsed annotation file in place."""
    file = root / ANNOTATIONS[name]
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def at(*path: Any) -> Any:
    """A change that sets the value at a path through a document: at("images", 1, "id", 7)."""

    def change(document: Any) -> None:
        *steps, last, value = path
        for step in steps:
            document = document[step]
        document[last] = value

    return change


def drop(*path: Any) -> Any:
    def change(document: Any) -> None:
        *steps, last = path
        for step in steps:
            document = document[step]
        del document[last]

    return change


def repeat(*path: Any) -> Any:
    """A change that appends a copy of element 1 of a list."""

    def change(document: Any) -> None:
        for step in path:
            document = document[step]
        document.append(json.loads(json.dumps(document[1])))

    return change
