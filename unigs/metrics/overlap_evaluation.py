"""AP as COCOeval has it, on overlaps that are known, without any mask: stock COCOeval matches.

The entities of a label map do not overlap, so one count of pixels gives the IoU of every pair, with
the bits of pycocotools' IoU of run lengths. COCOeval needs nothing else; encoding 40 masks of
512x512 pixels and intersecting them takes it 30 ms an image.

COCOeval holds records and tables of matches of every image until the end, tens of kilobytes an
image. But it matches image by image, and of that it ranks no more than which predictions hit. So it
matches some images at a time here, of which those bits and the scores stay (12 bytes a prediction),
and `unigs.metrics.coco.ranked_precision` ranks them. The results have the same bits.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval, Params

from unigs.metrics.coco.ranked_precision import Piece, Totals, ranked_precision

#: Predictions that count in an image, as in COCO.
MOST_PREDICTIONS = 100
#: Below the least of COCO's thresholds no two entities are matched.
LEAST_OVERLAP = 0.5
#: COCOeval's matches of one image: ``dtScores``, ``dtMatches``, ``dtIgnore``, ``gtIgnore``, ...
Entry = dict[str, Any]
_CATEGORY, _AREAS = 1, [[0, 1e10]]
# Images and ranked predictions that are worked on at once.
_AT_ONCE, _RANKED = 256, 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class ImageOverlaps:
    """The overlaps of one image.

    Attributes:
        table: (p, g) float64 in [0, 1]: IoU of predicted and true entities, of which those below
            `LEAST_OVERLAP` may be 0; in the columns of ``crowds`` the share of the predicted one
            on the crowd.
        scores: (p,) confidences; equal ones keep their order.
        crowds: (g,) bool: what is no miss, and no false positive on it.
    """

    table: NDArray[np.float64]
    scores: NDArray[np.float64]
    crowds: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """The predictions of all images, image by image, best first.

    Attributes:
        starts: (images + 1,) int64, where the predictions of each image begin.
        costs: (d,) float64, the negative confidences.
        hit, ignored: (d,) uint16, a bit for each threshold: found something; is neither right nor
            wrong.
        truths: (images,) int64 true entities that can be found.
    """

    starts: NDArray[np.int64]
    costs: NDArray[np.float64]
    hit: NDArray[np.uint16]
    ignored: NDArray[np.uint16]
    truths: NDArray[np.int64]

    @classmethod
    def of(cls, entries: Iterable[Entry | None]) -> Matched:
        """Keep what a ranking needs of COCOeval's entries (``evalImgs``) of one category and one
        range of areas: an entry an image, None of one without masks."""
        bits = 1 << np.arange(len(iou_thresholds()))
        costs, hits, ignored, truths, starts = (array(kind) for kind in "dHHqq")
        starts.append(0)
        for entry in entries:
            if entry is not None:
                costs.frombytes((-np.asarray(entry["dtScores"], np.float64)).tobytes())
                matched = np.asarray(entry["dtMatches"]) > 0
                for flags, kept in ((matched, hits), (entry["dtIgnore"], ignored)):
                    packed = bits @ np.asarray(flags, bool)
                    kept.frombytes(packed.astype(np.uint16).tobytes())
            truths.append(0 if entry is None else int(np.sum(np.asarray(entry["gtIgnore"]) == 0)))
            starts.append(len(costs))
        return cls(*(np.asarray(values) for values in (starts, costs, hits, ignored, truths)))

    def summary(self) -> dict[str, float]:
        """Return ``ap``, ``ap_50``, ``ap_75`` and ``ar_100`` as COCOeval summarises them; NaN
        without a truth."""
        totals, thresholds = self.totals(), iou_thresholds()
        precision = self._precision(self.ranking(), totals)
        truths = totals.truths.sum()
        recall = totals.hits.sum(0) / truths if truths else np.full(len(thresholds), np.nan)
        return {
            "ap": _mean(precision),
            "ap_50": _mean(precision[thresholds == 0.5]),
            "ap_75": _mean(precision[thresholds == 0.75]),
            "ar_100": _mean(recall),
        }

    def in_other_orders(self, orders: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (orders,) AP with the images in random orders, which is what ranks equal scores;
        the predictions of an image stay as they are."""
        totals, values = self.totals(), []
        for _ in range(orders):
            order = rng.permutation(len(self.truths))
            values.append(_mean(self._precision(self._image_by_image(order), totals)))
        return np.array(values)

    def totals(self) -> Totals:
        """Count the predictions and truths of each image."""
        counted = ~self.ignored
        return Totals.of(
            self.starts, self.hit & counted, counted, len(iou_thresholds()), self.truths
        )

    def ranking(self) -> list[Piece]:
        """Rank by confidence; equal ones stay as they are."""
        order = np.argsort(self.costs, kind="stable").astype(np.int32)[::-1]
        return [self._piece(some) for some in np.array_split(order, len(order) // _RANKED + 1)]

    def _image_by_image(self, order: NDArray[np.int64]) -> Iterator[Piece]:
        """Rank all predictions of an image before those of the next."""
        for images in np.array_split(order[::-1], len(order) // _AT_ONCE + 1):
            counts = np.diff(self.starts)[images]
            last = self.starts[images + 1] - 1
            before = np.cumsum(counts) - counts
            places = np.repeat(last + before, counts) - np.arange(counts.sum())
            yield self._piece(places)

    def _piece(self, places: NDArray[np.integer]) -> Piece:
        image = np.searchsorted(self.starts, places, side="right") - 1
        counted = ~self.ignored[places]
        return Piece(image.astype(np.int32), self.hit[places] & counted, counted)

    def _precision(self, pieces: Iterable[Piece], totals: Totals) -> NDArray[np.float64]:
        """Return COCOeval's precision (thresholds, recall levels)."""
        every = np.ones((1, len(self.truths)))
        return ranked_precision(pieces, totals, every, recall_levels(), float(np.spacing(1)))[0]


def match_images(images: Iterable[ImageOverlaps]) -> Matched:
    """Match predictions and truths in every image as COCOeval does; one category, one range of
    areas."""
    stream = iter(images)

    def entries() -> Iterator[Entry | None]:
        while some := list(islice(stream, _AT_ONCE)):
            yield from _Matching(some).entries()

    return Matched.of(entries())


class _Matching(COCOeval):
    """COCOeval of some images whose overlaps are given."""

    def __init__(self, images: Sequence[ImageOverlaps]) -> None:
        numbers = range(1, len(images) + 1)
        truth = _records(numbers, [[{"iscrowd": int(c)} for c in one.crowds] for one in images])
        found = _records(numbers, [[{"score": float(s)} for s in one.scores] for one in images])
        with redirect_stdout(io.StringIO()):
            # Boxes, since nothing of masks is read.
            super().__init__(_indexed(truth, numbers), _indexed(found, numbers), "bbox")
        self.params = _params(list(numbers), MOST_PREDICTIONS)
        self._overlaps: dict[int, Any] = {}
        for number, one in zip(numbers, images, strict=True):
            best = np.argsort(-one.scores, kind="mergesort")[:MOST_PREDICTIONS]
            self._overlaps[number] = one.table[best] if one.table.size else []

    def computeIoU(self, imgId: int, catId: int) -> Any:
        """Return the overlaps of an image, best prediction first."""
        return self._overlaps[imgId]

    def entries(self) -> list[Entry | None]:
        """Match; return COCOeval's entry of each image, None of one without entities."""
        with redirect_stdout(io.StringIO()):
            self.evaluate()
        return list(self.evalImgs)


def iou_thresholds() -> NDArray[np.float64]:
    """Return (10,) float64, COCO's thresholds of IoU."""
    return np.asarray(Params(iouType="bbox").iouThrs)


def recall_levels() -> NDArray[np.float64]:
    """Return (101,) float64, COCO's levels of recall."""
    return np.asarray(Params(iouType="bbox").recThrs)


def _params(images: list[int], most: int) -> Params:
    params = Params(iouType="bbox")
    params.imgIds, params.catIds, params.maxDets = images, [_CATEGORY], [most]
    params.areaRng, params.areaRngLbl = _AREAS, ["all"]
    return params


def _records(images: range, parts: list[list[dict[str, float]]]) -> list[dict[str, Any]]:
    """Records of COCO with what each of the parts says more."""
    common = {"category_id": _CATEGORY, "area": 1.0, "iscrowd": 0}
    return [
        {"image_id": number, **common, **more}
        for number, rows in zip(images, parts, strict=True)
        for more in rows
    ]


def _indexed(annotations: list[dict[str, Any]], images: range) -> COCO:
    coco = COCO()
    coco.dataset = {
        "images": [{"id": number} for number in images],
        "categories": [{"id": _CATEGORY}],
        # From 1 on: an id of 0 means "unmatched" to COCOeval.
        "annotations": [one | {"id": number} for number, one in enumerate(annotations, start=1)],
    }
    coco.createIndex()
    return coco


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.mean(values.ravel()))
