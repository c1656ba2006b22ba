"""Stock COCOeval on overlaps that are known: matching, ranking and precision without any mask.

The entities of a label map do not overlap, so one count of pixels gives the IoU of every pair, with
the bits of pycocotools' IoU of run lengths. COCOeval needs nothing else; encoding 40 masks of
512x512 pixels and intersecting them takes it 30 ms an image.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

#: Predictions that count in an image, as in COCO.
MOST_PREDICTIONS = 100
_CATEGORY = 1


class OverlapEvaluation(COCOeval):
    """Evaluates images whose overlaps are given; category 1, one range of areas.

    Args:
        overlaps: of each image, (p, g) float64 in [0, 1]: IoU of predicted and true entities; in
            the columns of ``crowds`` the share of the predicted one on the crowd.
        scores: of each image, (p,) confidences; equal ones keep their order.
        crowds: of each image, (g,) bool: what is no miss, and no false positive on it.
    """

    evalImgs: list[Any]

    def __init__(
        self,
        overlaps: Sequence[NDArray[np.float64]],
        scores: Sequence[NDArray[np.float64]],
        crowds: Sequence[NDArray[np.bool_]],
    ) -> None:
        numbers = range(1, len(overlaps) + 1)
        truth = _records(numbers, [[{"iscrowd": int(one)} for one in image] for image in crowds])
        found = _records(numbers, [[{"score": float(one)} for one in image] for image in scores])
        with redirect_stdout(io.StringIO()):
            # Boxes, since nothing of masks is read.
            super().__init__(_indexed(truth, numbers), _indexed(found, numbers), "bbox")
        self.params.areaRng, self.params.areaRngLbl = [[0, 1e10]], ["all"]
        self.params.maxDets = [MOST_PREDICTIONS]
        self._overlaps: dict[int, Any] = {}
        for number, table, confidence in zip(numbers, overlaps, scores, strict=True):
            best = np.argsort(-confidence, kind="mergesort")[:MOST_PREDICTIONS]
            self._overlaps[number] = table[best] if table.size else []

    def computeIoU(self, imgId: int, catId: int) -> Any:
        """Return the overlaps of an image, best prediction first."""
        return self._overlaps[imgId]

    def matched(self) -> OverlapEvaluation:
        """Match predictions and truths in every image; return itself."""
        with redirect_stdout(io.StringIO()):
            self.evaluate()
        return self

    def scores(self) -> dict[str, float]:
        """Return ``ap``, ``ap_50``, ``ap_75`` and ``ar_100`` as COCOeval summarises them; NaN
        without a truth."""
        with redirect_stdout(io.StringIO()):
            self.accumulate()
        precision, recall = self.eval["precision"][..., 0, 0], self.eval["recall"][..., 0, 0]
        thresholds = np.asarray(self.params.iouThrs)
        return {
            "ap": _mean(precision),
            "ap_50": _mean(precision[thresholds == 0.5]),
            "ap_75": _mean(precision[thresholds == 0.75]),
            "ar_100": _mean(recall),
        }

    def in_other_orders(self, orders: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return (orders,) AP with the images in random orders, which is what ranks equal scores;
        the predictions of an image stay as they are."""
        in_order: list[Any] = self.evalImgs
        values: list[float] = []
        for _ in range(orders):
            self.evalImgs = [in_order[i] for i in rng.permutation(len(in_order))]
            values.append(self.scores()["ap"])
        self.evalImgs = in_order
        return np.array(values)


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
