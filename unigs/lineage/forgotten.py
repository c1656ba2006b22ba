"""Images that a store must forget: the list, and what it means to a reader of a data set.

An image is forgotten by the SHA-256 of its bytes wherever it occurs, and by the key of each scene
that it was found as, so that the same photograph saved anew under its old name stays out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from unigs.errors import DataError
from unigs.index.exclusions import Exclusions
from unigs.io.files import writing

FORMAT = 1


@dataclass(frozen=True, slots=True)
class ForgottenScene:
    """A scene that a forgotten image was found as."""

    dataset: str
    split: str
    key: str
    image: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A forgotten image.

    Attributes:
        image_digest: SHA-256 of its bytes.
        date: since when, ISO 8601.
        reason: as given, may be "".
        scenes: what it was found as.
    """

    image_digest: str
    date: str
    reason: str
    scenes: tuple[ForgottenScene, ...]

    @property
    def sentence(self) -> str:
        """``forgotten on DATE: REASON``."""
        return f"forgotten on {self.date}" + (f": {self.reason}" if self.reason else "")


def forgotten_file(store: Path) -> Path:
    """Return the list of a store, which may not exist."""
    return store / "lineage" / "forgotten.json"


def read_forgotten(store: Path) -> list[Forgotten]:
    """Return the forgotten images of a store.

    Raises DataError when the list cannot be read: to go on would bring them back.
    """
    file = forgotten_file(store)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}")
        return [
            Forgotten(
                image["image_digest"],
                image["date"],
                image["reason"],
                tuple(ForgottenScene(**scene) for scene in image["scenes"]),
            )
            for image in content["images"]
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the list of forgotten images cannot be read: {error}",
            file=file,
            hint="restore it: without it a run would bring them back",
        ) from error


def write_forgotten(store: Path, images: Iterable[Forgotten]) -> None:
    """Write the list of a store; raise DataError where that cannot be."""
    content = {"format": FORMAT, "images": [asdict(image) for image in images]}
    with writing(forgotten_file(store)) as partial:
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def exclusions(images: Iterable[Forgotten], dataset: str, split: str) -> Exclusions:
    """Return what a reader of a split leaves out."""
    images = list(images)
    return Exclusions(
        digests={image.image_digest: image.sentence for image in images},
        keys={
            scene.key: image.sentence
            for image in images
            for scene in image.scenes
            if (scene.dataset, scene.split) == (dataset, split)
        },
    )
