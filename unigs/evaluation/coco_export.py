"""Write predictions and ground truth to disk, in formats that other tools evaluate.

``images/`` and ``colormaps/`` hold a PNG per sample. Masks are written twice, as COCO panoptic
(``panoptic.json`` with ``panoptic/``, truth in ``truth_panoptic.json`` with ``truth_panoptic/``)
and as COCO results (``results.json``, truth in ``truth.json``), with one category, "entity".
"""

from __future__ import annotations

import json
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TextIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as rle_codec
from scipy import ndimage

from unigs.evaluation.predictions import Prediction
from unigs.io.annotations.segment_ids import id_to_rgb, read_segments
from unigs.io.distributed import gathered, rank_and_world
from unigs.io.files import Scratch, writing
from unigs.io.image_file import read_image
from unigs.io.machine import cores
from unigs.samples.sample import Sample

CATEGORIES = [{"id": 1, "name": "entity", "isthing": 1, "supercategory": "entity"}]


# Pictures that wait for a thread to write them; more would fill the memory of a slow disk's host.
WAITING = 256
# The lists of records that the JSON files are made of.
_KINDS = ("images", "panoptic", "truth_panoptic", "truth", "results")
# Images whose records processes exchange at once.
_EXCHANGED = 64


class PredictionFiles:
    """Writes predictions one by one into ``folder``; ``close()`` writes the JSON files.

    Pictures are written by threads, while the next predictions are made; an error of theirs is
    raised by a later call. A context manager, after whose end no thread writes any more.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._records = {kind: Scratch() for kind in _KINDS}
        self._numbers = array("q")
        self._keys: list[str] = []
        self._threads = ThreadPoolExecutor(cores())
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def add(self, number: int, sample: Sample, prediction: Prediction) -> None:
        """Write prediction ``number`` (from 0, over all processes) and its ground truth."""
        name = f"{sample.key}.png"
        height, width = sample.segments.shape
        image = {"id": number + 1, "file_name": name, "height": height, "width": width}
        for kind, pixels in (("images", prediction.image), ("colormaps", prediction.colormap)):
            if pixels is not None:
                self._write(self.folder / kind / name, pixels)
        panoptic, results = [], []
        if prediction.segments is not None:
            panoptic = [self._panoptic("panoptic", image, prediction.segments)]
            results = [
                _mask(image, rle) | {"score": prediction.scores[label]}
                for label, rle in _runs(prediction.segments)
            ]
        truth = [
            {
                "iscrowd": 0,
                "area": int(rle_codec.area(rle)),
                "bbox": rle_codec.toBbox(rle).tolist(),
                **_mask(image, rle),
            }
            for _, rle in _runs(sample.segments)
        ]
        images = [image | {"key": sample.key}]
        truth_panoptic = [self._panoptic("truth_panoptic", image, sample.segments)]
        parts = (images, panoptic, truth_panoptic, truth, results)
        for kind, records in zip(_KINDS, parts, strict=True):
            self._records[kind].append(json.dumps(records).encode())
        self._numbers.append(number)

    @property
    def keys(self) -> list[str]:
        """Keys of the samples, after :meth:`close`, of all processes, in order."""
        return self._keys

    def read(self, key: str) -> Prediction:
        """Read a prediction back, without its scores, after :meth:`close`."""
        name = f"{key}.png"
        image, colormap = (
            read_image(path) if (path := self.folder / kind / name).is_file() else None
            for kind in ("images", "colormaps")
        )
        masks = self.folder / "panoptic" / name
        segments = read_segments(masks.read_bytes(), masks) if masks.is_file() else None
        return Prediction(image, colormap, segments)

    def close(self) -> None:
        """Write the four JSON files atomically, with the predictions of all processes.

        Raises:
            DataError: one of the files cannot be written.
        """
        while self._waiting:
            self._waiting.popleft().result()
        self._gather()
        if rank_and_world()[0]:
            return
        self._keys = [image["key"] for image in self._listed("images")]
        for name in ("panoptic", "truth_panoptic", "truth"):
            records = self._listed(name)
            if name == "truth":
                records = ({"id": i} | record for i, record in enumerate(records, start=1))
            with _text_file(self.folder / f"{name}.json") as file:
                file.write('{"images": ')
                _write_list(file, self._listed("images"))
                file.write(f', "categories": {json.dumps(CATEGORIES)}, "annotations": ')
                _write_list(file, records)
                file.write("}")
        with _text_file(self.folder / "results.json") as file:
            _write_list(file, self._listed("results"))

    def _gather(self) -> None:
        """Let the first process have the records of all, some at a time."""
        most = max(gathered(len(self._numbers)))
        if rank_and_world()[1] == 1:
            return
        everyone, numbers = {kind: Scratch() for kind in _KINDS}, array("q")
        for start in range(0, most, _EXCHANGED):
            places = range(start, min(start + _EXCHANGED, len(self._numbers)))
            own = [
                (self._numbers[place], [self._records[kind][place] for kind in _KINDS])
                for place in places
            ]
            for part in gathered(own):
                for number, records in part if rank_and_world()[0] == 0 else ():
                    numbers.append(number)
                    for kind, content in zip(_KINDS, records, strict=True):
                        everyone[kind].append(content)
        self._records, self._numbers = everyone, numbers

    def _listed(self, kind: str) -> Iterator[dict[str, Any]]:
        """Read the records of one kind, image by image."""
        for place in sorted(range(len(self._numbers)), key=self._numbers.__getitem__):
            yield from json.loads(self._records[kind][place])

    def _write(self, path: Path, pixels: NDArray[np.uint8]) -> None:
        while len(self._waiting) >= WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._threads.submit(_write_png, path, pixels))

    def _panoptic(
        self, kind: str, image: dict[str, Any], segments: NDArray[np.int32]
    ) -> dict[str, Any]:
        self._write(self.folder / kind / image["file_name"], id_to_rgb(segments))
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
        named = {"image_id": image["id"], "file_name": image["file_name"]}
        return named | {"segments_info": records}


def _mask(image: dict[str, Any], rle: dict[str, Any]) -> dict[str, Any]:
    return {"image_id": image["id"], "category_id": 1, "segmentation": rle}


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


@contextmanager
def _text_file(path: Path) -> Iterator[TextIO]:
    with writing(path) as partial, partial.open("w") as file:
        yield file


def _write_list(file: TextIO, records: Iterable[dict[str, Any]]) -> None:
    """Write a JSON list one record at a time: whole, the files are tens of kilobytes an image."""
    file.write("[")
    for number, record in enumerate(records):
        file.write(f"{', ' if number else ''}{json.dumps(record)}")
    file.write("]")
