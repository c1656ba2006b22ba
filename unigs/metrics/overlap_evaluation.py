"""Stock COCOeval on overlaps that are known: matching, ranking and precision without any mask.

The entities of a label map do not overlap, so one count of pixels gives the IoU of every pair, with
the bits of pycocotools' IoU of run lengths. COCOeval needs nothing else; encoding 40 masks of
512x512 pixels and intersecting them takes it 30 ms an image.

COCOeval holds records and tables of matches of every image until the end, tens of kilobytes an
image. But it matches image by image, and of that it ranks no more than which predictions hit. So it
matches some images at a time here, of which those bits and the scores stay (32 bytes a prediction),
and ranks one threshold of IoU at a time, all images as one. The results have the same bits.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval, Params

#: Predictions that count in an image, as in COCO.
MOST_PREDICTIONS = 100
#: Below the least of COCO's thresholds no two entities are matched.
LEAST_OVERLAP = 0.5
_CATEGORY, _AREAS = 1, [[0, 1e10]]
_AT_ONCE = 256


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
        owner: (d,) int64, number of the image.
        scores: (d,) float64.
        hit, ignored: (thresholds, d) bool: found something; is neither right nor wrong.
        truths: (images,) int64 true entities that can be found.
    """

    owner: NDArray[np.int64]
    scores: NDArray[np.float64]
    hit: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    truths: NDArray[np.int64]

    def summary(self) -> dict[str, float]:
        """Return ``ap``, ``ap_50``, ``ap_75`` and ``ar_100`` as COCOeval summarises them; NaN
        without a truth."""
        precision, recall = self._accumulated(slice(None))
        thresholds = iou_thresholds()
        return {
            "ap": _mean(precision),
            "ap_50": _mean(precision[thresholds == 0.5]),
            "ap_75": _mean(precision[thresholds == 0.75]),
            "ar_100": _mean(recall),
        }

    def in_other_orders(self, orders: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (orders,) AP with the images in random orders, which is what ranks equal scores;
        the predictions of an image stay as they are."""
        values = []
        for _ in range(orders):
            place = np.empty(len(self.truths), np.int64)
            place[rng.permutation(len(place))] = np.arange(len(place))
            order = np.argsort(place[self.owner], kind="stable")
            values.append(_mean(self._accumulated(order)[0]))
        return np.array(values)

    def _accumulated(
        self, order: NDArray[np.int64] | slice
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return COCOeval's precision (thresholds, recall levels, 1) and recall (thresholds, 1)."""
        ranked = COCOeval(iouType="bbox")
        ranked.params = _params([1], max(1, len(self.scores)))
        ranked._paramsEval = ranked.params
        found = []
        for place, threshold in enumerate(iou_thresholds()):
            ranked.params.iouThrs = np.array([threshold])
            entry = {
                "dtScores": self.scores[order],
                "dtMatches": self.hit[place : place + 1, order],
                "dtIgnore": self.ignored[place : place + 1, order],
                "gtIgnore": np.zeros(int(self.truths.sum()), np.int8),
            }
            ranked.evalImgs = [entry]
            with redirect_stdout(io.StringIO()):
                ranked.accumulate()
            found.append((ranked.eval["precision"][..., 0, 0], ranked.eval["recall"][..., 0, 0]))
        precision, recall = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return precision, recall


def match_images(images: Iterable[ImageOverlaps]) -> Matched:
    """Match predictions and truths in every image as COCOeval does; one category, one range of
    areas."""
    thresholds = len(iou_thresholds())
    scores, truths, lengths = [np.zeros(0)], [], []
    hits, ignored = [np.zeros((thresholds, 0), bool)], [np.zeros((thresholds, 0), bool)]
    stream = iter(images)
    while some := list(islice(stream, _AT_ONCE)):
        for entry in _Matching(some).entries():
            truths.append(0 if entry is None else int(np.sum(np.asarray(entry["gtIgnore"]) == 0)))
            lengths.append(0 if entry is None else len(entry["dtScores"]))
            if entry is not None:
                scores.append(np.asarray(entry["dtScores"], np.float64))
                hits.append(entry["dtMatches"] > 0)
                ignored.append(entry["dtIgnore"].astype(bool))
        # of many small arrays each costs more than what is in it
        scores, hits, ignored = (
            [np.concatenate(parts, axis=-1)] for parts in (scores, hits, ignored)
        )
    owner = np.repeat(np.arange(len(lengths)), np.array(lengths, np.int64))
    return Matched(owner, scores[0], hits[0], ignored[0], np.array(truths, np.int64))


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

    def entries(self) -> list[dict[str, Any] | None]:
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
    evaluated = values[values > -1]
    return float(np.mean(evaluated)) if evaluated.size else float("nan")
