"""mIoU and recall of two files of masks, without classes and matched one to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from unigs.errors import DataError
from unigs.metrics.bootstrap.draws import few_images_note, with_ends
from unigs.metrics.bootstrap.per_image import PerImage
from unigs.metrics.coco.mask_files import MaskFile
from unigs.metrics.matching import Matches, Overlap, match_overlap
from unigs.metrics.segmentation import segmentation_parts, segmentation_scores


@dataclass(frozen=True, slots=True)
class MaskComparison:
    """Two files, compared image by image.

    Attributes:
        matches: of each image of the truth; those without a prediction have nothing found.
        crowd: crowd regions of the truth, which are no entities and are left out.
        other_images: those of the predictions that the truth does not have; left out.
        missing_images: those of the truth that the predictions do not have.
        only_in_truth, only_in_predictions: names of classes that one file alone has masks of.
    """

    matches: dict[str, Matches]
    crowd: int
    other_images: list[str]
    missing_images: list[str]
    only_in_truth: list[str]
    only_in_predictions: list[str]

    def scores(self) -> dict[str, Any]:
        """Return what `segmentation_scores` gives, counts as whole numbers, the ends of each
        interval (`miou.ci_low`), what was left out, by number and by name, and ``notes``."""
        found = segmentation_scores(self.matches.values())
        images = {str(image): segmentation_parts(one) for image, one in self.matches.items()}
        ends = PerImage.of(images).intervals()
        values = with_ends(
            {name: int(value) if name[:2] == "n_" else value for name, value in found.items()}, ends
        )
        return values | {
            "n_crowd": self.crowd,
            "n_other_images": len(self.other_images),
            "n_missing_images": len(self.missing_images),
            "other_images": self.other_images,
            "missing_images": self.missing_images,
            "classes_only_in_truth": self.only_in_truth,
            "classes_only_in_predictions": self.only_in_predictions,
            "notes": list(filter(None, [few_images_note(len(images))])),
        }


def compare_masks(truth: MaskFile, predictions: MaskFile) -> MaskComparison:
    """Match the masks of each image of the truth one to one with the predicted ones, whatever
    their classes, so that the summed IoU is greatest.

    An image that a results file does not name may be one in which nothing was found; it is counted
    as missing and scores the same.

    Raises:
        DataError: the truth has no image, or a record is not in its format.
    """
    if not truth.images:
        raise DataError("no image", file=truth.path, hint="give the file of the truth first")
    known, given = set(truth.images), set(predictions.images)
    matches, crowd = {}, 0
    for image in truth.images:
        true = truth.masks(image)
        crowd += true.crowd
        found = predictions.masks(image, true.size) if image in given else None
        both = code_overlap(true.codes, found.codes if found is not None else [])
        matches[image] = replace(
            match_overlap(both),
            empty_gt=true.empty,
            empty_pred=found.empty if found is not None else 0,
        )
    true_classes = {truth.names.get(one, one) for one in truth.categories}
    # A results file lists no categories: its ids are those of the truth.
    names = predictions.names or truth.names
    found_classes = {names.get(one, one) for one in predictions.categories}
    return MaskComparison(
        matches,
        crowd,
        [image for image in predictions.images if image not in known],
        [image for image in truth.images if image not in given],
        sorted(true_classes - found_classes),
        sorted(found_classes - true_classes),
    )


def code_overlap(gt: Sequence[dict[str, Any]], pred: Sequence[dict[str, Any]]) -> Overlap:
    """Count the shared pixels of two lists of masks of one size, which may overlap each other.

    Args:
        gt, pred: compressed run lengths of masks that own a pixel; they are numbered from 1.
    """
    areas = [
        np.asarray(coco_mask.area(list(codes)) if codes else [], np.int64) for codes in (gt, pred)
    ]
    shared: NDArray[np.int64] = np.zeros((len(gt), len(pred)), np.int64)
    if gt and pred:
        # Against a crowd pycocotools divides by the area of the prediction alone: pixel counts
        # come back whole.
        share = np.asarray(coco_mask.iou(list(pred), list(gt), [1] * len(gt)))
        shared = np.rint(share * areas[1][:, None]).astype(np.int64).T
    return Overlap(
        gt_labels=np.arange(1, len(gt) + 1),
        pred_labels=np.arange(1, len(pred) + 1),
        intersection=shared,
        gt_area=areas[0],
        pred_area=areas[1],
    )
