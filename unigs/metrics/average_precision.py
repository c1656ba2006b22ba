"""AP of entity masks by stock COCOeval, with its silent traps closed.

Every category is 1 (the class-agnostic AP^e of Open-World Entity Segmentation), IoU thresholds
0.50:0.05:0.95, at most 100 masks per image, IoU of masks. ``useCats=0`` is not the same: it breaks
ties in another order.
"""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from typing import Any, Literal

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from unigs.errors import ConfigError
from unigs.metrics.bootstrap.draws import (
    Interval,
    around,
    draw_weights,
    image_interval,
    with_ends,
)
from unigs.metrics.bootstrap.precision import ClassMatches, resampled_class_precision
from unigs.metrics.coco.records import GroundTruth, checked_results, checked_truth
from unigs.metrics.overlap_evaluation import Entry, Matched

__all__ = ["coco_scores"]

Record = dict[str, Any]
# The places of the scores in COCOeval's summary.
_NAMES = {"ap": 0, "ap_50": 1, "ap_75": 2, "ar_100": 8}
Backend = Literal["pycocotools", "faster"]


def coco_scores(
    ground_truth: Mapping[str, Any],
    predictions: Iterable[Mapping[str, Any]],
    *,
    class_agnostic: bool = False,
    backend: Backend = "pycocotools",
    names: tuple[str, str] = ("ground truth", "predictions"),
    intervals: bool = False,
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
        intervals: also give ``ap.ci_low``, ``ap.ci_high`` and so on, from bootstrap draws of the
            images; NaN of a single image.

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
        scores = dict.fromkeys(_NAMES, value)
        # so has every draw
        ends = {name: image_interval([value], len(truth.sizes)) for name in scores}
        return (with_ends(scores, ends) if intervals else scores) | counts
    evaluator = _evaluator(truth, kept, backend)
    with redirect_stdout(io.StringIO()):
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    stats = [float("nan") if value == -1 else float(value) for value in evaluator.stats]
    scores = {name: stats[place] for name, place in _NAMES.items()}
    if intervals:
        scores = with_ends(scores, _intervals(evaluator, scores, truth, class_agnostic))
    return scores | counts


def _intervals(
    evaluator: Any, scores: Mapping[str, float], truth: GroundTruth, class_agnostic: bool
) -> dict[str, Interval]:
    """Return the interval of each score, from what COCOeval matched."""
    images = len(truth.sizes)
    drawn = resampled_class_precision(_classes(evaluator), draw_weights(images))
    if not class_agnostic:
        found = (one for one in truth.annotations if not one["iscrowd"])
        pairs = {(one["category_id"], one["image_id"]) for one in found}
        occurs = [*Counter(category for category, _ in pairs).values()]
        drawn = {name: around(scores[name], values, occurs) for name, values in drawn.items()}
    return {name: image_interval(values, images) for name, values in drawn.items()}


def _classes(evaluator: Any) -> Iterator[ClassMatches]:
    """Yield the matches of each class, of entities of any area."""
    areas = list(evaluator.params.areaRng[0])
    found: defaultdict[int, dict[int, Entry]] = defaultdict(dict)
    for entry in evaluator.evalImgs:
        if entry is not None and list(entry["aRng"]) == areas:
            found[int(entry["category_id"])][int(entry["image_id"])] = entry
    for category in sorted(found):
        entries = found[category]
        # the order of images is that of equal scores
        numbers = sorted(entries)
        matched = Matched.of(entries[number] for number in numbers)
        yield ClassMatches(matched, np.array(numbers) - 1)


def _evaluator(truth: GroundTruth, results: list[Record], backend: Backend) -> Any:
    """Return a COCOeval of either back end, ready to run."""
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
