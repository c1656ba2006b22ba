"""AP of entity masks by stock COCOeval, with its silent traps closed.

Every category is 1 (the class-agnostic AP^e of Open-World Entity Segmentation), IoU thresholds
0.50:0.05:0.95, at most 100 masks an image, IoU of masks. ``useCats=0`` is not the same: it breaks
ties in another order.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from pycocotools import mask as rle_codec
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from unigs.errors import DataError

Record = dict[str, Any]


def coco_scores(
    ground_truth: Mapping[str, Any],
    predictions: Iterable[Mapping[str, Any]],
    *,
    class_agnostic: bool = False,
) -> dict[str, float]:
    """Stock COCOeval of masks: ``{"ap", "ap_50", "ap_75", "ar_100", "n_dropped_empty", ...}``.

    ``ground_truth`` is a COCO instances dictionary, ``predictions`` COCO results (image_id,
    category_id, segmentation, score). Neither is changed. Ground truth is numbered from 1 again,
    since COCOeval takes an id of 0 for "unmatched"; empty masks are dropped and counted, since one
    at the top of the ranking halves the precision behind it; boxes are recomputed from the masks.
    No prediction at all scores 0; no ground truth at all is NaN.
    """
    evaluator, dropped, total = _evaluator(ground_truth, predictions, class_agnostic)
    counts = {
        "n_images": float(len(ground_truth["images"])),
        "n_predictions": float(total - dropped),
        "n_dropped_empty": float(dropped),
    }
    if evaluator is None:
        evaluated = sum(1 for a in ground_truth["annotations"] if not a.get("iscrowd"))
        value = 0.0 if evaluated else float("nan")
        return dict.fromkeys(("ap", "ap_50", "ap_75", "ar_100"), value) | counts
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
    evaluator, _, _ = _evaluator(ground_truth, shuffled, False)
    if evaluator is None:
        return coco_scores(ground_truth, [])["ap"]
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


def _evaluator(
    ground_truth: Mapping[str, Any],
    predictions: Iterable[Mapping[str, Any]],
    class_agnostic: bool,
) -> tuple[COCOeval | None, int, int]:
    """A COCOeval ready to run (None without predictions), masks dropped, masks given."""
    images = [dict(image) for image in ground_truth["images"]]
    sizes = {image["id"]: (image["height"], image["width"]) for image in images}
    truth, kept, dropped, total = COCO(), [], 0, 0
    annotations = [copy.deepcopy(dict(a)) for a in ground_truth["annotations"]]
    categories = [dict(category) for category in ground_truth["categories"]]
    if class_agnostic:
        categories = [{"id": 1, "name": "entity"}]
    for number, annotation in enumerate(annotations, start=1):
        if annotation["image_id"] not in sizes:
            raise DataError(f"ground truth {number}: image {annotation['image_id']} is not listed")
        annotation["id"] = number
        annotation.setdefault("iscrowd", 0)
        if class_agnostic:
            annotation["category_id"] = 1
        if "area" not in annotation:
            annotation["area"] = float(rle_codec.area(annotation["segmentation"]))
    for total, prediction in enumerate(predictions, start=1):
        size = sizes.get(prediction.get("image_id"))
        if size is None:
            raise DataError(
                f"prediction {total}: image {prediction.get('image_id')} is not in the ground truth"
            )
        segmentation = _encoded(prediction, size, total)
        if rle_codec.area(segmentation) == 0:
            dropped += 1
            continue
        kept.append(
            {
                "image_id": prediction["image_id"],
                "category_id": 1 if class_agnostic else prediction["category_id"],
                "segmentation": segmentation,
                "score": float(prediction["score"]),
            }
        )
    if not kept:
        return None, dropped, total
    truth.dataset = {"images": images, "annotations": annotations, "categories": categories}
    with redirect_stdout(io.StringIO()):
        truth.createIndex()
        return COCOeval(truth, truth.loadRes(kept), "segm"), dropped, total


def _encoded(prediction: Mapping[str, Any], size: tuple[int, int], number: int) -> Record:
    segmentation = prediction.get("segmentation")
    if isinstance(segmentation, list):
        return rle_codec.merge(rle_codec.frPyObjects(segmentation, *size))
    if not isinstance(segmentation, Mapping) or tuple(segmentation.get("size", ())) != size:
        raise DataError(
            f"prediction {number}: image {prediction['image_id']} is {size[0]}x{size[1]} but its "
            "mask is not; write the mask at the size of the image"
        )
    if isinstance(segmentation["counts"], list):
        return rle_codec.frPyObjects(dict(segmentation), *size)
    return dict(segmentation)
