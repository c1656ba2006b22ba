"""All image metrics of two folders: real and generated images, by every network that is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unigs.errors import DataError
from unigs.evaluation.feature_scores import distance_values
from unigs.evaluation.metric_values import MetricValue, MetricValues, finite
from unigs.evaluators.bundle import Evaluators
from unigs.evaluators.dual_encoder import DualEncoder
from unigs.evaluators.image_folder import split_folder
from unigs.evaluators.network import FeatureNetwork
from unigs.evaluators.pixel_features import PixelFeatures
from unigs.io.image_file import read_image
from unigs.metrics.bootstrap.draws import Interval, few_images_note
from unigs.metrics.clip_score import ClipScoreMetric
from unigs.metrics.cmmd import cmmd, cmmd_interval
from unigs.metrics.frechet import (
    distance_intervals,
    frechet_at_infinity,
    frechet_distance,
    kernel_distance,
    small_sample_note,
)

_CHUNK = 64


@dataclass(frozen=True, slots=True)
class FolderFeatures:
    """The features of a folder's images.

    Attributes:
        names: of the files, without extension, in their order.
        features: (n, d) float32 by the name of the network.
        quarantined: files that should be images and do not read, with the reason.
        skipped: files that are no images.
    """

    names: list[str]
    features: dict[str, NDArray[np.float32]]
    quarantined: list[str]
    skipped: list[str]


@dataclass(frozen=True, slots=True)
class FolderScores:
    """Metrics of two folders, and what has to be known to read them.

    Attributes:
        values: as docs/metrics.md describes them.
        notes: sentences, such as that there are fewer images than dimensions.
        other_images, missing_images: names in the generated, and in the real folder alone, where
            the two share any.
        quarantined, skipped: as in `FolderFeatures`, of both folders.
    """

    values: MetricValues
    notes: list[str]
    other_images: list[str]
    missing_images: list[str]
    quarantined: list[str]
    skipped: list[str]

    def result(self) -> dict[str, Any]:
        """Return all of it by name, lists with their length, NaN as None."""
        named: dict[str, Any] = {k: finite(value) for k, value in self.values.named().items()}
        lists = ("other_images", "missing_images", "quarantined")
        named |= {f"n_{name}": len(getattr(self, name)) for name in lists}
        return named | {name: getattr(self, name) for name in (*lists, "skipped", "notes")}


def folder_scores(
    real: Path | str,
    generated: Path | str,
    evaluators: Evaluators,
    progress: Callable[[int], object] | None = None,
) -> FolderScores:
    """Compute all image metrics of two folders that need no masks and no prompts.

    Of each network Frechet distance (`fid` by the 2015 Inception), what it would be with infinitely
    many images, and KID, between the folders as sets of any sizes. By the dual encoder also CMMD,
    and `clip_i_full`, 100 * cosine of the images of one file name, over the names that both folders
    have. Without a network the features are the colours of `PixelFeatures`. The evaluators' cache
    keeps the features of both folders.

    Args:
        progress: called with the number of images of each part that was read.

    Raises:
        DataError: no folder, or fewer than two images in it that read.
    """
    networks = evaluators.feature_networks or [PixelFeatures()]
    readers = [evaluators.cached(network) for network in networks]
    left, right = (_features(Path(folder), readers, progress) for folder in (real, generated))
    if evaluators.cache is not None:
        evaluators.cache.save()
    values: list[MetricValue] = []
    for network in networks:
        values += _distances(network, left.features[network.name], right.features[network.name])
    paired = {name: index for index, name in enumerate(right.names)}
    pairs = [(i, paired[name]) for i, name in enumerate(left.names) if name in paired]
    if evaluators.dual_encoder is not None:
        name = evaluators.dual_encoder.name
        score, ends = _paired_score(left.features[name], right.features[name], pairs)
        values.append(MetricValue.measured("clip_i_full", score, ends, name))
    counts = {"n_real": len(left.names), "n_generated": len(right.names), "n_paired": len(pairs)}
    values += [MetricValue(name, float(count)) for name, count in counts.items()]
    both = set(left.names) & set(right.names)
    found = MetricValues(tuple(values))
    least = min(len(left.names), len(right.names))
    notes = [*found.notes(), few_images_note(least)]
    few = few_images_note(len(pairs))
    if evaluators.dual_encoder is not None and len(pairs) < least and few:
        notes.append(f"clip_i_full: {few}")
    return FolderScores(
        found,
        [note for note in notes if note],
        [name for name in right.names if both and name not in both],
        [name for name in left.names if both and name not in both],
        left.quarantined + right.quarantined,
        left.skipped + right.skipped,
    )


def _distances(
    network: FeatureNetwork, real: NDArray[np.float32], generated: NDArray[np.float32]
) -> list[MetricValue]:
    """Return the distances of two sets, each of which is drawn on its own."""
    left, right = real.astype(np.float64), generated.astype(np.float64)
    scores = {
        "frechet_distance": frechet_distance(left, right),
        "kid": kernel_distance(left, right)[0],
    }
    known = distance_intervals(left, right, scores, paired=False)
    if isinstance(network, DualEncoder):
        scores["cmmd"] = cmmd(left, right)
        known["cmmd"] = cmmd_interval(left, right, scores["cmmd"], paired=False)
    note = small_sample_note(min(len(left), len(right)), left.shape[1])
    return distance_values(network, scores, known, note, frechet_at_infinity(left, right))


def _paired_score(
    real: NDArray[np.float32], generated: NDArray[np.float32], pairs: Sequence[tuple[int, int]]
) -> tuple[float, Interval | None]:
    """Return the score, NaN without a pair, and its interval."""
    metric = ClipScoreMetric("clip_i_full")
    for one, other in pairs:
        metric.update(str(one), generated[other][None], real[one][None])
    scores: Mapping[str, float] = metric.compute()
    return scores["clip_i_full"], metric.intervals().get("clip_i_full")


def _features(
    folder: Path,
    networks: Sequence[FeatureNetwork],
    progress: Callable[[int], object] | None,
) -> FolderFeatures:
    """Read each image once for all networks."""
    files, others = split_folder(folder)
    quarantined: list[str] = []
    names: list[str] = []
    parts: dict[str, list[NDArray[np.float32]]] = {network.name: [] for network in networks}
    for chunk in _chunks(files, quarantined):
        names += [name for name, _ in chunk]
        for network in networks:
            parts[network.name].append(network.embed_images([image for _, image in chunk]))
        if progress is not None:
            progress(len(chunk))
    if not names:
        raise DataError("no image that reads", file=folder, hint=quarantined[0])
    features = {name: np.concatenate(found) for name, found in parts.items()}
    return FolderFeatures(names, features, quarantined, [str(path) for path in others])


def _chunks(
    files: Sequence[Path], quarantined: list[str]
) -> Iterator[list[tuple[str, NDArray[np.uint8]]]]:
    """Yield name and pixels of the images that read, a few at a time; note the others."""
    chunk: list[tuple[str, NDArray[np.uint8]]] = []
    for path in files:
        try:
            chunk.append((path.stem, read_image(path)))
        except DataError as error:
            quarantined.append(str(error))
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
