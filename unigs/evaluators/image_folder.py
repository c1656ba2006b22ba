"""Frechet and kernel distance between two folders of images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unigs.errors import DataError
from unigs.evaluators.network import FeatureNetwork
from unigs.io.image_file import SUFFIXES, read_image
from unigs.io.side_files import is_side_file
from unigs.metrics.bootstrap.draws import few_images_note, with_ends
from unigs.metrics.frechet import (
    distance_intervals,
    frechet_at_infinity,
    frechet_distance,
    kernel_distance,
    small_sample_note,
)

_CHUNK = 64


def split_folder(folder: Path | str) -> tuple[list[Path], list[Path]]:
    """Return the images directly in a folder and everything else but hidden files, both sorted.

    Raises:
        DataError: no folder, or no image in it.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DataError("no such folder", file=root)
    files = sorted(path for path in root.iterdir() if not is_side_file(path.name))
    images = [path for path in files if path.is_file() and path.name.lower().endswith(SUFFIXES)]
    if not images:
        raise DataError("no image", file=root, hint=f"put {', '.join(SUFFIXES)} there")
    return images, [path for path in files if path not in set(images)]


def folder_features(
    folder: Path | str,
    network: FeatureNetwork,
    progress: Callable[[int], object] | None = None,
) -> NDArray[np.float32]:
    """Return (n, d) float32 of the images directly in a folder, upright, in the order of their
    names.

    Raises:
        DataError: no folder, no image in it, or one that does not read.
    """
    files, _ = split_folder(folder)
    parts = []
    for start in range(0, len(files), _CHUNK):
        images = [read_image(path) for path in files[start : start + _CHUNK]]
        parts.append(network.embed_images(images))
        if progress is not None:
            progress(len(images))
    return np.concatenate(parts)


def folder_distance(
    a: Path | str,
    b: Path | str,
    network: FeatureNetwork,
    progress: Callable[[int], object] | None = None,
) -> dict[str, Any]:
    """Return the distances of two folders, each of which is drawn on its own for the intervals.

    ``frechet_distance``, ``frechet_distance_infinity`` (NaN of few images) and ``kid``, each with
    ``.ci_low`` and ``.ci_high``, ``n_a``, ``n_b``, ``features`` (the network's name), ``skipped``
    (the names of what in the folders is no image) and ``notes``.

    Raises:
        DataError: fewer than two images in a folder, or one that does not read.
    """
    skipped = [str(path) for folder in (a, b) for path in split_folder(folder)[1]]
    left, right = (folder_features(folder, network, progress) for folder in (a, b))
    scores = {"frechet_distance": frechet_distance(left, right)}
    scores["frechet_distance_infinity"] = frechet_at_infinity(left, right)
    scores["kid"] = kernel_distance(left, right)[0]
    known = distance_intervals(left, right, scores, paired=False)
    bias = scores["frechet_distance"] - scores["frechet_distance_infinity"]
    known["frechet_distance_infinity"] = known["frechet_distance"].moved(-bias)
    few = min(len(left), len(right))
    small = small_sample_note(few, left.shape[1])
    notes = [f"frechet_distance: {small}" if small else "", few_images_note(few)]
    return with_ends(scores, known) | {
        "n_a": len(left),
        "n_b": len(right),
        "features": network.name,
        "skipped": skipped,
        "notes": [note for note in notes if note],
    }
