"""Panoptic quality of files in COCO's panoptic format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unigs.errors import DataError
from unigs.io.segment_ids import rgb_to_id
from unigs.metrics.panoptic_quality import Tally, average, count_segments, per_class


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
    differs, or a PNG and JSON that disagree.
    """
    truth, answer = _read_json(gt_json), _read_json(pred_json)
    answers = {record["image_id"]: record for record in answer["annotations"]}
    tallies: dict[str, Tally] = {}
    for record in truth["annotations"]:
        image = record["image_id"]
        if image not in answers:
            raise DataError(f"{pred_json}: no prediction for image {image}; add its record")
        gt = _read_segments(gt_dir, record)
        pred = _read_segments(pred_dir, answers[image])
        if gt.shape != pred.shape:
            raise DataError(f"{pred_dir}: image {image} is {pred.shape}, its truth {gt.shape}")
        classes = {
            s["id"]: 1 if class_agnostic else s["category_id"] for s in record["segments_info"]
        }
        crowd = {s["id"]: classes[s["id"]] for s in record["segments_info"] if s.get("iscrowd")}
        pred_classes = {
            s["id"]: 1 if class_agnostic else s["category_id"]
            for s in answers[image]["segments_info"]
        }
        tallies[str(image)] = count_segments(gt, pred, classes, pred_classes, crowd)
    totals = per_class(tallies[key] for key in sorted(tallies))
    result = average(totals.values())
    if not class_agnostic:
        things = {c["id"] for c in truth["categories"] if c.get("isthing")}
        result["pq_things"] = average(v for k, v in totals.items() if k in things)["pq"]
        result["pq_stuff"] = average(v for k, v in totals.items() if k not in things)["pq"]
    return result


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).read_text())
        content["annotations"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a COCO panoptic JSON ({error!r}); check the path") from error
    return content


def _read_segments(folder: Path, record: Mapping[str, Any]) -> NDArray[np.int32]:
    """(h, w) int32 segment ids of a COCO panoptic PNG; 0 = unlabelled."""
    path = Path(folder) / record["file_name"]
    try:
        pixels = np.asarray(Image.open(path).convert("RGB"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error}); write the PNG again") from error
    segments = rgb_to_id(pixels)
    listed = {s["id"] for s in record["segments_info"]}
    painted = set(np.unique(segments).tolist()) - {0}
    if painted != listed:
        raise DataError(
            f"{path}: segments {sorted(painted ^ listed)[:5]} are in only one of PNG and JSON; "
            "write both from the same segments"
        )
    return segments
