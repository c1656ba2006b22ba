"""Panoptic quality of files in COCO's panoptic format."""

from __future__ import annotations

from pathlib import Path

from unigs.errors import DataError
from unigs.metrics.coco.panoptic_files import PanopticFile
from unigs.metrics.panoptic_quality import Tally, average, count_segments, per_class

__all__ = ["panoptic_scores"]


def panoptic_scores(
    gt_json: Path,
    gt_dir: Path,
    pred_json: Path,
    pred_dir: Path,
    *,
    class_agnostic: bool = False,
) -> dict[str, float]:
    """PQ of a prediction in COCO panoptic format against ground truth in the same format.

    Returns what :func:`~unigs.metrics.panoptic_quality.average` gives and, class-aware,
    ``pq_things`` and ``pq_stuff``. Raises :class:`DataError` on a missing image, a size that
    differs, a PNG and JSON that disagree, and any record that is not in the format
    (`unigs.metrics.coco.panoptic_files`).
    """
    truth = PanopticFile(gt_json, gt_dir)
    categories = None if class_agnostic else truth.categories()
    prediction = PanopticFile(pred_json, pred_dir)
    truth.check_images(prediction)
    tallies: list[Tally] = []
    # in the order of the ids as texts, so that the order of the file does not change a digit
    for image in sorted(truth.images, key=lambda one: (str(one), isinstance(one, str))):
        gt, pred = truth.segments(image), prediction.segments(image)
        if gt.shape != pred.shape:
            raise DataError(
                f"image {image} is {pred.shape[0]}x{pred.shape[1]},"
                f" its truth {gt.shape[0]}x{gt.shape[1]}",
                file=pred_dir,
                hint="write the PNG at the size of the truth",
            )
        classes, crowd = truth.classes(image, categories)
        pred_classes, _ = prediction.classes(image, categories)
        tallies.append(count_segments(gt, pred, classes, pred_classes, crowd))
    totals = per_class(tallies)
    result = average(totals.values())
    if categories is not None:
        for name, wanted in (("pq_things", True), ("pq_stuff", False)):
            chosen = (v for k, v in totals.items() if categories.is_thing[k] is wanted)
            result[name] = average(chosen)["pq"]
    return result
