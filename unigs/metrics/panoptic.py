"""Panoptic quality of files in COCO's panoptic format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from unigs.errors import DataError
from unigs.metrics.bootstrap.draws import (
    Interval,
    around,
    draw_weights,
    image_interval,
    with_ends,
)
from unigs.metrics.bootstrap.quality import resampled_quality
from unigs.metrics.coco.panoptic_files import Categories, PanopticFile
from unigs.metrics.panoptic_quality import Tally, average, count_segments, per_class

__all__ = ["panoptic_scores"]

# Whether the classes that they are over are things.
_KINDS = {"pq_things": True, "pq_stuff": False}


def panoptic_scores(
    gt_json: Path,
    gt_dir: Path,
    pred_json: Path,
    pred_dir: Path,
    *,
    class_agnostic: bool = False,
    intervals: bool = False,
) -> dict[str, float]:
    """PQ of a prediction in COCO panoptic format against ground truth in the same format.

    Returns what :func:`~unigs.metrics.panoptic_quality.average` gives and, class-aware,
    ``pq_things`` and ``pq_stuff``; with ``intervals`` also ``n_images``, and ``pq.ci_low``,
    ``pq.ci_high`` and so on of each quality, NaN of a single image. Raises :class:`DataError` on a
    missing image, a size that differs, a PNG and JSON that disagree, and any record that is not in
    the format (`unigs.metrics.coco.panoptic_files`).
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
        for name, wanted in _KINDS.items():
            chosen = (v for k, v in totals.items() if categories.is_thing[k] is wanted)
            result[name] = average(chosen)["pq"]
    if intervals:
        result = with_ends(result, _ends(result, tallies, categories)) | {
            "n_images": float(len(tallies))
        }
    return result


def _ends(
    scores: Mapping[str, float], tallies: Sequence[Tally], categories: Categories | None
) -> dict[str, Interval]:
    """Return the interval of each quality, by name."""
    kinds: dict[str, list[int]] = {}
    if categories is not None:
        for name, wanted in _KINDS.items():
            kinds[name] = [one for one, thing in categories.is_thing.items() if thing is wanted]
    whole, *parts = resampled_quality(tallies, draw_weights(len(tallies)), [None, *kinds.values()])
    drawn = whole | {name: part["pq"] for name, part in zip(kinds, parts, strict=True)}
    if categories is not None:
        occurs = Counter(one for tally in tallies for one in tally)
        of_kind = {
            name: [occurs[one] for one in ids if one in occurs] for name, ids in kinds.items()
        }
        drawn = {
            name: around(scores[name], values, of_kind.get(name, [*occurs.values()]))
            for name, values in drawn.items()
        }
    return {name: image_interval(values, len(tallies)) for name, values in drawn.items()}
