"""Answers and their truth on disk, in the formats that other tools judge.

``images/`` and ``colormaps/`` hold a PNG a sample. Masks are written twice, as COCO panoptic
(``panoptic.json`` with ``panoptic/``, truth in ``truth_panoptic.json`` with ``truth_panoptic/``)
and as COCO results (``results.json``, truth in ``truth.json``), with one category, "entity".
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as rle_codec
from scipy import ndimage

from unigs.evaluation.predictions import Prediction
from unigs.io.files import writing
from unigs.samples.sample import Sample

CATEGORIES = [{"id": 1, "name": "entity", "isthing": 1, "supercategory": "entity"}]


class PredictionFiles:
    """Writes answers one by one into ``folder``; ``close()`` writes the JSON files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._images: list[dict[str, Any]] = []
        self._segments: dict[str, list[dict[str, Any]]] = {"panoptic": [], "truth_panoptic": []}
        self._truth: list[dict[str, Any]] = []
        self._results: list[dict[str, Any]] = []

    def add(self, sample: Sample, answer: Prediction) -> None:
        """Write one answer and its truth."""
        height, width = sample.segments.shape
        number = len(self._images) + 1
        name = f"{sample.key}.png"
        self._images.append(
            {"id": number, "file_name": name, "height": height, "width": width, "key": sample.key}
        )
        for kind, pixels in (("images", answer.image), ("colormaps", answer.colormap)):
            if pixels is not None:
                _write_png(self.folder / kind / name, pixels)
        if answer.segments is not None:
            self._panoptic("panoptic", number, name, answer.segments)
            for label, rle in _runs(answer.segments):
                record = {"image_id": number, "category_id": 1, "segmentation": rle}
                self._results.append(record | {"score": answer.scores[label]})
        self._panoptic("truth_panoptic", number, name, sample.segments)
        for _, rle in _runs(sample.segments):
            box = rle_codec.toBbox(rle).tolist()
            self._truth.append(
                {
                    "id": len(self._truth) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "iscrowd": 0,
                    "area": int(rle_codec.area(rle)),
                    "bbox": box,
                    "segmentation": rle,
                }
            )

    def close(self) -> None:
        """Write the four JSON files, each whole."""
        common = {"images": self._images, "categories": CATEGORIES}
        for kind, records in self._segments.items():
            _write_json(self.folder / f"{kind}.json", common | {"annotations": records})
        _write_json(self.folder / "truth.json", common | {"annotations": self._truth})
        _write_json(self.folder / "results.json", self._results)

    def _panoptic(self, kind: str, image: int, name: str, segments: NDArray[np.int32]) -> None:
        labels = segments.astype(np.uint32)
        pixels = np.stack([labels & 255, labels >> 8 & 255, labels >> 16 & 255], -1)
        _write_png(self.folder / kind / name, pixels.astype(np.uint8))
        records = []
        areas = np.bincount(segments.ravel())
        for label, box in enumerate(ndimage.find_objects(segments), start=1):
            if box is None:
                continue
            rows, columns = box
            records.append(
                {
                    "id": label,
                    "category_id": 1,
                    "iscrowd": 0,
                    "area": int(areas[label]),
                    "bbox": [
                        columns.start,
                        rows.start,
                        columns.stop - columns.start,
                        rows.stop - rows.start,
                    ],
                }
            )
        self._segments[kind].append(
            {"image_id": image, "file_name": name, "segments_info": records}
        )


def _runs(segments: NDArray[np.int32]) -> list[tuple[int, dict[str, Any]]]:
    """Label and JSON-ready RLE of every entity."""
    result = []
    for label in np.unique(segments[segments > 0]).tolist():
        rle = rle_codec.encode(np.asfortranarray(segments == label, dtype=np.uint8))
        result.append((label, {"size": rle["size"], "counts": rle["counts"].decode()}))
    return result


def _write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    with writing(path) as partial:
        Image.fromarray(pixels).save(partial, "PNG")


def _write_json(path: Path, content: Any) -> None:
    with writing(path) as partial:
        partial.write_text(json.dumps(content))
