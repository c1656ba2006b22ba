"""AP^e of label maps whose entities carry a confidence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unigs.errors import DataError
from unigs.metrics.bootstrap.draws import DRAWS, Interval, draw_weights, image_interval
from unigs.metrics.bootstrap.precision import resampled_precision
from unigs.metrics.matching import Overlap, overlap, pixels_of
from unigs.metrics.overlap_evaluation import ImageOverlaps, Matched, match_images


@dataclass(frozen=True, slots=True, eq=False)
class EntityOverlaps:
    """How the entities of one image overlap.

    Attributes:
        iou: (p, g) float64 of each predicted with each true entity.
        scores: (p,) float64, the confidence of each predicted one.
        on_void: (p,) float64, the share of each predicted one on unlabelled pixels; None in an
            image in which none is on such pixels.
        empty: predicted entities without a pixel, which are dropped.
    """

    iou: NDArray[np.float64]
    scores: NDArray[np.float64]
    on_void: NDArray[np.float64] | None = None
    empty: int = 0

    @classmethod
    def of(
        cls,
        key: str,
        gt: ArrayLike,
        pred: ArrayLike,
        scores: Mapping[int, float],
        void: ArrayLike | None = None,
        *,
        both: Overlap | None = None,
        on_void: NDArray[np.int64] | None = None,
    ) -> EntityOverlaps:
        """Read (h, w) label maps, 0 = nothing, of the image ``key``.

        ``scores`` gives the confidence of each predicted label (any finite number; only the
        order counts) and may name labels that own no pixel, which are dropped and counted.
        ``void`` (h, w) bool marks unlabelled pixels. Where they are known, ``both`` is the overlap
        of the two maps and ``on_void`` (p,) the unlabelled pixels of each predicted entity. Raises
        :class:`DataError` for a label without score and for a score that is no such number.
        """
        if not isinstance(scores, Mapping):
            raise DataError(f"image {key}: scores are {type(scores).__name__}; map labels to them")
        both = both or overlap(gt, pred)
        present = both.pred_labels.tolist()
        missing = [label for label in present if label not in scores]
        if missing:
            raise DataError(f"image {key}: predicted entities {missing} have no score; give one")
        place = {label: number for number, label in enumerate(present)}
        order = [place[label] for label in scores if label in place]
        for label in present:
            if not _is_finite(scores[label]):
                raise DataError(
                    f"image {key}: the score of entity {label} is {scores[label]!r}, not a finite "
                    "number"
                )
        if on_void is None and void is not None and np.any(void):
            on_void = overlap(pixels_of(void, "void", np.shape(pred)), pred).intersection[0]
        if on_void is not None and not on_void.any():
            # nothing can be excused: ranked twice it would be the same
            on_void = None
        return cls(
            both.iou.T[order],
            np.array([scores[present[number]] for number in order], np.float64),
            None if on_void is None else (on_void / both.pred_area)[order],
            len(scores) - len(order),
        )


def entity_precision(
    images: Mapping[str, EntityOverlaps], orders: int = 20, seed: int = 0
) -> dict[str, float]:
    """Return the scores over all images, in the order of their keys, as fractions in [0, 1].

    ``ap_e`` (ranked by the given scores), ``ap_e_50``, ``ap_e_75``, ``ar_e_100``,
    ``ap_e_constant`` (every score equal, mean over ``orders`` seeded orders of the images: what
    the masks are worth without a ranking), ``ap_e_void_ignored`` (masks that lie mainly on
    unlabelled pixels are no false positives) and ``n_dropped_empty``. 0 without any prediction, NaN
    without any ground truth.
    """
    facts = _Facts.of(images)
    empty = {"n_dropped_empty": float(facts.empty)}
    names = ("ap_e", "ap_e_50", "ap_e_75", "ar_e_100", "ap_e_constant", "ap_e_void_ignored")
    if not facts.predictions.any():
        value = 0.0 if facts.truths else float("nan")
        return dict.fromkeys(names, value) | empty
    ranked = _matched(images).summary()
    with_void = _matched(images, with_void=True).summary() if facts.void else ranked
    constant = _constant(images, facts.predictions, orders, seed)
    values = (*(ranked[name] for name in ("ap", "ap_50", "ap_75", "ar_100")), constant)
    return dict(zip(names, (*values, with_void["ap"]), strict=True)) | empty


def precision_intervals(
    images: Mapping[str, EntityOverlaps], draws: int = DRAWS, seed: int = 0
) -> dict[str, Interval]:
    """Return the bootstrap intervals of ``ap_e``, ``ap_e_50``, ``ap_e_75`` and
    ``ap_e_void_ignored``; none without a prediction, NaN of a single image."""
    facts = _Facts.of(images)
    if not facts.predictions.any():
        return {}
    weights = draw_weights(len(images), draws, seed)
    ranked = resampled_precision(_matched(images), weights)
    with_void = ranked
    if facts.void:
        with_void = resampled_precision(_matched(images, with_void=True), weights)
    drawn = {f"ap_e{kind}": ranked[f"ap{kind}"] for kind in ("", "_50", "_75")}
    drawn["ap_e_void_ignored"] = with_void["ap"]
    return {name: image_interval(values, len(images)) for name, values in drawn.items()}


@dataclass(frozen=True, slots=True)
class _Facts:
    """What decides before anything is matched: the predictions of each image (images,) int64, true
    entities, dropped predictions, and whether an image has unlabelled pixels."""

    predictions: NDArray[np.int64]
    truths: int
    empty: int
    void: bool

    @classmethod
    def of(cls, images: Mapping[str, EntityOverlaps]) -> _Facts:
        counts, truths, empty, void = [], 0, 0, False
        for one in _in_order(images):
            counts.append(len(one.scores))
            truths, empty = truths + one.iou.shape[1], empty + one.empty
            void = void or one.on_void is not None
        return cls(np.array(counts, np.int64), truths, empty, void)


def _is_finite(score: object) -> bool:
    try:
        # of a text float() would read the number
        return not isinstance(score, str) and math.isfinite(score)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return False


def _in_order(images: Mapping[str, EntityOverlaps]) -> Iterator[EntityOverlaps]:
    """Yield the images by key, one at a time: a mapping may make them when they are asked for."""
    return (images[key] for key in sorted(images))


def _matched(images: Mapping[str, EntityOverlaps], with_void: bool = False) -> Matched:
    return match_images(_overlaps(_in_order(images), with_void))


def _overlaps(images: Iterable[EntityOverlaps], with_void: bool) -> Iterator[ImageOverlaps]:
    for one in images:
        table, crowd = one.iou, np.zeros(one.iou.shape[1], bool)
        if with_void and one.on_void is not None:
            table = np.concatenate([table, one.on_void[:, None]], axis=1)
            crowd = np.append(crowd, True)
        yield ImageOverlaps(table, one.scores, crowd)


def _constant(
    images: Mapping[str, EntityOverlaps], predictions: NDArray[np.int64], orders: int, seed: int
) -> float:
    """AP with every score equal: masks within an image are shuffled once, so that the decoder's
    order is no hidden score, and the images are put in random orders."""
    rng = np.random.default_rng(seed)
    starts = np.cumsum([0, *predictions])
    place = np.empty(starts[-1], np.int32)
    place[rng.permutation(np.arange(len(place), dtype=np.int32))] = np.arange(len(place))

    def mixed() -> Iterator[EntityOverlaps]:
        for number, one in enumerate(_in_order(images)):
            rows = np.argsort(place[starts[number] : starts[number + 1]])
            yield EntityOverlaps(one.iou[rows], np.ones(len(rows)))

    matched = match_images(_overlaps(mixed(), with_void=False))
    return float(np.mean(matched.in_other_orders(orders, rng)))
