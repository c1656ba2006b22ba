"""AP^e of label maps whose entities carry a confidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from pycocotools import mask as rle_codec

from unigs.errors import DataError
from unigs.metrics.average_precision import coco_scores, constant_score_ap


@dataclass(frozen=True, slots=True)
class EntityMasks:
    """The entities of one image as compressed run lengths.

    ``size`` (h, w) in pixels; ``truth`` and ``found`` the masks, ``scores`` the confidence of each
    found one; ``void`` the unlabelled pixels, None where there are none.
    """

    size: tuple[int, int]
    truth: tuple[bytes, ...]
    found: tuple[bytes, ...]
    scores: tuple[float, ...]
    void: bytes | None = None

    @classmethod
    def of(
        cls,
        key: str,
        gt: ArrayLike,
        pred: ArrayLike,
        scores: Mapping[int, float],
        void: ArrayLike | None = None,
    ) -> EntityMasks:
        """Read (h, w) label maps, 0 = nothing, of the image ``key``.

        ``scores`` gives the confidence of each predicted label (any real number; only the order
        counts) and may name labels that own no pixel, which are dropped and counted. ``void``
        (h, w) bool marks unlabelled pixels. Raises :class:`DataError` for a label without score.
        """
        gt_map, pred_map = np.asarray(gt), np.asarray(pred)
        present = [int(label) for label in np.unique(pred_map) if label > 0]
        missing = [label for label in present if label not in scores]
        if missing:
            raise DataError(f"image {key}: predicted entities {missing} have no score; give one")
        return cls(
            size=(gt_map.shape[0], gt_map.shape[1]),
            truth=tuple(_runs(gt_map == label) for label in np.unique(gt_map) if label > 0),
            found=tuple(_runs(pred_map == label) for label in scores),
            scores=tuple(float(score) for score in scores.values()),
            void=_runs(np.asarray(void, bool)) if void is not None and np.any(void) else None,
        )

    def record(self, runs: bytes, image_id: int, **more: float) -> dict[str, Any]:
        """One mask as a record of COCO, category 1."""
        rle = {"size": list(self.size), "counts": runs}
        return {"image_id": image_id, "category_id": 1, "segmentation": rle} | more


def entity_precision(
    images: Mapping[str, EntityMasks], orders: int = 20, seed: int = 0
) -> dict[str, float]:
    """Return the scores over all images, in the order of their keys, as fractions in [0, 1].

    ``ap_e`` (ranked by the given scores), ``ap_e_50``, ``ap_e_75``, ``ar_e_100``,
    ``ap_e_constant`` (every score equal, mean over ``orders`` seeded orders of the images: what
    the masks are worth without a ranking), ``ap_e_void_ignored`` (masks that lie mainly on
    unlabelled pixels are no false positives) and ``n_dropped_empty``. NaN without any ground truth.
    """
    listed, truth, crowd, found = [], [], [], []
    for number, key in enumerate(sorted(images), start=1):
        masks = images[key]
        listed.append({"id": number, "height": masks.size[0], "width": masks.size[1]})
        truth += [masks.record(runs, number) for runs in masks.truth]
        pairs = zip(masks.found, masks.scores, strict=True)
        found += [masks.record(runs, number, score=score) for runs, score in pairs]
        if masks.void is not None:
            crowd.append(masks.record(masks.void, number, iscrowd=1))
    ground = {"images": listed, "categories": [{"id": 1}], "annotations": truth}
    ranked = coco_scores(ground, found)
    with_void = coco_scores(ground | {"annotations": truth + crowd}, found)
    return {
        "ap_e": ranked["ap"],
        "ap_e_50": ranked["ap_50"],
        "ap_e_75": ranked["ap_75"],
        "ar_e_100": ranked["ar_100"],
        "ap_e_constant": constant_score_ap(ground, found, orders, seed),
        "ap_e_void_ignored": with_void["ap"],
        "n_dropped_empty": ranked["n_dropped_empty"],
    }


def _runs(mask: np.ndarray) -> bytes:
    return rle_codec.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"]
