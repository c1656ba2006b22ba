"""Scenes made on the spot for tests of samples, shards and what follows from them."""

from pathlib import Path

import numpy as np
from PIL import Image

from unigs.scene import Entity, Scene, entities_of

CLASSES = ("ball", "box", "cone", "ground", "ring", "sky", "star")
THINGS = ("ball", "box", "cone", "ring", "star")


def made_scene(
    folder: Path,
    number: int,
    height: int = 64,
    width: int = 64,
    things: int = 4,
    void: bool = True,
    crowd: bool = False,
) -> Scene:
    """Rectangles of random classes over sky and ground; one key, one seed, one image file."""
    rng = np.random.default_rng(number)
    segments = np.ones((height, width), dtype=np.int32)
    segments[int(height * rng.uniform(0.3, 0.7)) :] = 2
    known = [
        Entity(1, "sky", 101, False, 0, (0.0, 0.0), "s1"),
        Entity(2, "ground", 102, False, 0, (0.0, 0.0), "s2"),
    ]
    for label in range(3, 3 + things + crowd):
        name = THINGS[int(rng.integers(len(THINGS)))]
        h, w = rng.integers([height // 8, width // 8], [height // 2, width // 2])
        y, x = rng.integers([height - h, width - w])
        segments[y : y + h, x : x + w] = label
        last = crowd and label == 2 + things + crowd
        known.append(Entity(label, name, label, True, 0, (0.0, 0.0), f"s{label}", bool(last)))
    if void:
        segments[: height // 10, : width // 3] = 0
    image = rng.integers(0, 256, (len(known) + 1, 3))[segments] + rng.integers(
        -20, 21, (height, width, 3)
    )
    file = folder / f"{number:06d}.png"
    Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(file)
    measured = entities_of(segments, known)
    return Scene(
        key=f"{number:06d}",
        dataset="made",
        split="train",
        image_file=file,
        segments=segments,
        entities=tuple(entity for entity in measured if not entity.crowd),
        crowd=tuple(entity for entity in measured if entity.crowd),
        image_digest=f"{number:064x}",
        annotation_digest=f"{number + 1:064x}",
    )


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder: relative path -> bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
