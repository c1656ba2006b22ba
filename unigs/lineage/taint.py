"""Mark images as to be forgotten, and find what they are in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from unigs.errors import DataError
from unigs.lineage.find import image_scenes
from unigs.lineage.forgotten import (
    Forgotten,
    ForgottenScene,
    forgotten_file,
    read_forgotten,
    write_forgotten,
)
from unigs.lineage.trace import FoundScene, Reached, Trace


@dataclass(frozen=True, slots=True)
class Marked:
    """An image that was marked, or no longer is.

    Attributes:
        image: its entry in the list.
        scenes: what it is in the scenes indexes of the store.
        reached: where it went.
        changed: the list was changed for it.
    """

    image: Forgotten
    scenes: list[FoundScene]
    reached: Reached
    changed: bool


def forget(trace: Trace, images: Sequence[str], reason: str) -> list[Marked]:
    """Mark images as to be forgotten from today on; all or, after an error, none.

    Args:
        images: keys, files, file names or SHA-256.
        reason: why, may be "".

    Raises:
        DataError: no such image, an ambiguous name, or a list that cannot be read or written.
    """
    store = trace.graph.store
    listed = {image.image_digest: image for image in read_forgotten(store)}
    today = datetime.now(UTC).date().isoformat()
    marked = []
    for text in images:
        scenes = image_scenes(trace, text)
        reached = trace.reached(scenes)
        for digest in dict.fromkeys(scene.row.image_digest for scene in scenes):
            known = listed.get(digest)
            entry = known or Forgotten(digest, today, reason, _as_found(scenes, digest))
            listed[digest] = entry
            marked.append(Marked(entry, scenes, reached, changed=known is None))
    write_forgotten(store, listed.values())
    return marked


def remember(trace: Trace, images: Sequence[str]) -> list[Marked]:
    """Take images off the list of the forgotten; all or, after an error, none.

    Raises DataError as `forget`, and for an image that is not on the list.
    """
    store = trace.graph.store
    listed = {image.image_digest: image for image in read_forgotten(store)}
    marked = []
    for text in images:
        scenes = image_scenes(trace, text)
        digests = {scene.row.image_digest for scene in scenes} & listed.keys()
        if not digests:
            raise DataError(
                f"{text} is not forgotten",
                file=forgotten_file(store),
                hint="unigs lineage tells what is known of it",
            )
        for digest in sorted(digests):
            marked.append(Marked(listed.pop(digest), scenes, trace.reached(scenes), changed=True))
    write_forgotten(store, listed.values())
    return marked


def tainted_models(trace: Trace, forgotten: Sequence[Forgotten]) -> dict[str, list[str]]:
    """Return the registered models, ``name/version``, that were trained on forgotten images ->
    SHA-256 of these."""
    found: dict[str, list[str]] = {}
    for image in forgotten:
        reached = trace.reached(trace.scenes(image.image_digest))
        for build in (*reached.models, *reached.through):
            if build.version:
                found.setdefault(build.version, []).append(image.image_digest)
    return found


def _as_found(scenes: Sequence[FoundScene], digest: str) -> tuple[ForgottenScene, ...]:
    found = {
        ForgottenScene(scene.dataset, scene.split, scene.row.key, scene.row.image)
        for scene in scenes
        if scene.row.image_digest == digest
    }
    return tuple(sorted(found, key=lambda scene: (scene.dataset, scene.split, scene.key)))
