"""AP of entity masks by stock COCOeval, with its silent traps closed.

Every category is 1 (the class-agnostic AP^e of Open-World Entity Segmentation), IoU thresholds
0.50:0.05:0.95, at most 100 masks an image, IoU of masks. ``useCats=0`` is not the same: it breaks
ties in another order.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from pycocotools import mask as rle_codec
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from unigs.errors import ConfigError, DataError
from unigs.metrics.coco.records import GroundTruth, checked_results, checked_truth

Record = dict[str, Any]
Backend = Literal["pycocotools", "faster"]


class AveragePrecisionMetric:
    """AP^e over label maps with a confidence for every predicted entity.

    ``compute()`` gives fractions in [0, 1]: ``ap_e`` (ranked by the given scores), ``ap_e_50``,
    ``ap_e_75``, ``ar_e_100``, ``ap_e_constant`` (every score equal, mean over 20 seeded orders of
    the images: what the masks are worth without a ranking), ``ap_e_void_ignored`` (masks that lie
    mainly on unlabelled pixels are no false positives) and ``n_dropped_empty``. NaN without any
    ground truth.
    """

    def __init__(self, orders: int = 20, seed: int = 0) -> None:
        self.orders, self.seed = orders, seed
        self.reset()

    def reset(self) -> None:
        """Forget every image."""
        self._images: dict[str, tuple[list[Record], list[Record], Record | None]] = {}

    def update(
        self,
        key: str,
        gt: ArrayLike,
        pred: ArrayLike,
        scores: Mapping[int, float],
        void: ArrayLike | None = None,
    ) -> None:
        """Add image ``key`` (a second time replaces it).

        ``gt`` and ``pred`` are (h, w) label maps, 0 = nothing; ``scores`` gives the confidence of
        each predicted label (any real number; only the order counts) and may name labels that own
        no pixel, which are dropped and counted. ``void`` (h, w) bool marks unlabelled pixels.
        """
        gt_map, pred_map = np.asarray(gt), np.asarray(pred)
        present = [int(label) for label in np.unique(pred_map) if label > 0]
        missing = [label for label in present if label not in scores]
        if missing:
            raise DataError(f"image {key}: predicted entities {missing} have no score; give one")
        truth = [{"segmentation": _rle(gt_map == i)} for i in np.unique(gt_map) if i > 0]
        answer = [{"segmentation": _rle(pred_map == i), "score": float(scores[i])} for i in scores]
        region = None
        if void is not None and np.any(void):
            region = {"segmentation": _rle(np.asarray(void, bool)), "iscrowd": 1}
        self._images[key] = (truth, answer, region)

    def merge(self, other: AveragePrecisionMetric) -> None:
        """Take over another process's images."""
        self._images.update(other._images)

    def compute(self) -> dict[str, float]:
        """Scores over all images, sorted by key."""
        images, truth, crowd, answers = [], [], [], []
        for image_id, key in enumerate(sorted(self._images), start=1):
            gt, pred, region = self._images[key]
            height, width = next(
                (r["segmentation"]["size"] for r in (*gt, *pred, *([region] if region else ()))),
                (1, 1),
            )
            images.append({"id": image_id, "height": height, "width": width})
            owner = {"image_id": image_id, "category_id": 1}
            truth += [record | owner for record in gt]
            answers += [record | owner for record in pred]
            if region:
                crowd.append(region | owner)
        ground = {"images": images, "categories": [{"id": 1}], "annotations": truth}
        ranked = coco_scores(ground, answers)
        with_void = coco_scores(ground | {"annotations": truth + crowd}, answers)
        return {
            "ap_e": ranked["ap"],
            "ap_e_50": ranked["ap_50"],
            "ap_e_75": ranked["ap_75"],
            "ar_e_100": ranked["ar_100"],
            "ap_e_constant": constant_score_ap(ground, answers, self.orders, self.seed),
            "ap_e_void_ignored": with_void["ap"],
            "n_dropped_empty": ranked["n_dropped_empty"],
        }


def _rle(mask: np.ndarray) -> Record:
    return rle_codec.encode(np.asfortranarray(mask, dtype=np.uint8))


def coco_scores(
    ground_truth: Mapping[str, Any],
    predictions: Iterable[Mapping[str, Any]],
    *,
    class_agnostic: bool = False,
    backend: Backend = "pycocotools",
    names: tuple[str, str] = ("ground truth", "predictions"),
) -> dict[str, float]:
    """Stock COCOeval of masks: ``{"ap", "ap_50", "ap_75", "ar_100", "n_dropped_empty", ...}``.

    Masks without a pixel are dropped on both sides and counted (``n_dropped_empty``,
    ``n_empty_gt``): nothing can match such a truth, and such a prediction at the top of the
    ranking halves the precision behind it. Ids are numbered anew, boxes recomputed from the masks.
    No prediction at all scores 0; no ground truth at all is NaN.

    Args:
        ground_truth: a COCO instances dictionary; it stays as it is.
        predictions: COCO results (image_id, category_id, segmentation, score).
        class_agnostic: take every category as one.
        backend: "faster" runs hotcoco, with the same result to the last bit.
        names: what errors call the two, their files for example.

    Raises:
        DataError: a record that COCOeval could not or would wrongly evaluate
            (`unigs.metrics.coco.records`); it names file, record and fault.
        ConfigError: the back end is not installed.
    """
    truth = checked_truth(ground_truth, class_agnostic, names[0])
    kept, total = checked_results(predictions, truth, names[1])
    counts = {
        "n_images": float(len(truth.sizes)),
        "n_predictions": float(len(kept)),
        "n_dropped_empty": float(total - len(kept)),
        "n_empty_gt": float(truth.empty),
    }
    if not kept:
        value = 0.0 if any(not one["iscrowd"] for one in truth.annotations) else float("nan")
        return dict.fromkeys(("ap", "ap_50", "ap_75", "ar_100"), value) | counts
    evaluator = _evaluator(truth, kept, backend)
    with redirect_stdout(io.StringIO()):
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    stats = [float("nan") if value == -1 else float(value) for value in evaluator.stats]
    return {"ap": stats[0], "ap_50": stats[1], "ap_75": stats[2], "ar_100": stats[8]} | counts


def constant_score_ap(
    ground_truth: Mapping[str, Any],
    predictions: Sequence[Mapping[str, Any]],
    orders: int = 20,
    seed: int = 0,
) -> float:
    """Mean AP, every score equal, over seeded orders of the images.

    With equal scores COCOeval ranks by image order, so one order alone would be luck. Masks within
    an image are shuffled once, lest the order a decoder emits them in act as a hidden score.
    """
    rng = np.random.default_rng(seed)
    shuffled = [{**predictions[i], "score": 1.0} for i in rng.permutation(len(predictions))]
    truth = checked_truth(ground_truth)
    kept, _ = checked_results(shuffled, truth)
    if not kept:
        return coco_scores(ground_truth, [])["ap"]
    evaluator = _evaluator(truth, kept, "pycocotools")
    evaluator.params.areaRng = [[0, 1e10]]
    evaluator.params.areaRngLbl = ["all"]
    values = []
    with redirect_stdout(io.StringIO()):
        evaluator.evaluate()
        in_order = evaluator.evalImgs
        for _ in range(orders):
            evaluator.evalImgs = [in_order[i] for i in rng.permutation(len(in_order))]
            evaluator.accumulate()
            precision = evaluator.eval["precision"][..., -1]
            evaluated = precision[precision > -1]
            values.append(evaluated.mean() if evaluated.size else np.nan)
    return float(np.mean(values))


def _evaluator(truth: GroundTruth, results: list[Record], backend: Backend) -> Any:
    """A COCOeval of either back end, ready to run."""
    coco, evaluate = _coco_classes(backend)
    with redirect_stdout(io.StringIO()):
        known = coco()
        known.dataset = truth.dataset
        known.createIndex()
        return evaluate(known, known.loadRes(results), "segm")


def _coco_classes(backend: Backend) -> tuple[Any, Any]:
    if backend == "pycocotools":
        return COCO, COCOeval
    if backend != "faster":
        raise ConfigError(f"backend {backend!r}", hint="give pycocotools or faster")
    try:
        import hotcoco
    except ModuleNotFoundError as error:
        raise ConfigError("hotcoco is missing", hint="pip install 'unigs[fast-eval]'") from error
    return hotcoco.COCO, hotcoco.COCOeval
