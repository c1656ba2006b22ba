"""Predictions of any model in COCO's results format: masks with scores, made disjoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from unigs.competitors.masks import painted, prediction_of
from unigs.competitors.notes import told
from unigs.competitors.request import Request
from unigs.competitors.result_files.image_names import Id, ImageNames, match_images
from unigs.datasets.class_names import class_names
from unigs.errors import DataError
from unigs.evaluation.predictions import OtherModel, Prediction
from unigs.io.mask_codes import MAX_PIXELS, mask_code
from unigs.metrics.coco.fields import (
    id_text,
    identifier,
    number,
    record_of,
    records_of,
    required,
    whole,
)
from unigs.metrics.coco.json_files import read_ground_truth, read_results
from unigs.samples.sample import Sample

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Result:
    """One mask: its record in the file, compressed run lengths, score and category."""

    where: str
    code: dict[str, Any]
    score: float
    category: Id


@dataclass(frozen=True, slots=True)
class CocoResultsPredictor:
    """Predicts what a results file says of the image of each sample; nothing where it says
    nothing."""

    file: Path
    results: Mapping[Id, Sequence[Result]]
    images: ImageNames
    classes: Mapping[Id, str] | None

    def __call__(self, samples: Sequence[Sample]) -> list[Prediction]:
        return [self._predict(sample) for sample in samples]

    def _predict(self, sample: Sample) -> Prediction:
        image = self.images.of(sample)
        results = self.results.get(image, ()) if image is not None else ()
        if image is None or not results:
            return prediction_of(sample, np.zeros_like(sample.segments), {})
        sizes = {tuple(one.code["size"]) for one in results}
        if len(sizes) > 1:
            raise DataError(
                f"masks of {len(sizes)} sizes", file=self.file, record=f"image {image}",
                hint="write the masks of an image at its size",
            )  # fmt: skip
        masks = [coco_mask.decode(one.code) for one in results]
        segments, scores = painted(masks, [one.score for one in results], sizes.pop())
        segments = self.images.fitted(segments, sample, self.file, image)
        classes = None
        if self.classes is not None:
            known = ((label, one.category) for label, one in enumerate(results, start=1))
            classes = {k: self.classes[one] for k, one in known if one in self.classes}
        return prediction_of(sample, segments, scores, classes)


def load_coco_results(request: Request) -> OtherModel:
    """Read `request.predictions`. Its image ids are looked up in `request.images`; without that
    file they are names, as in COCO: 139 is 000000000139.jpg.

    Raises:
        DataError: a file that does not read, or a record that is not in the format.
    """
    file = request.predicted
    listed = _Listed.read(request.images) if request.images is not None else None
    results: defaultdict[Id, list[Result]] = defaultdict(list)
    for index, record in enumerate(read_results(file)):
        where = f"results[{index}]"
        try:
            image = id_text(identifier(record_of(record), "image_id"))
            results[image].append(_result(record, where, image, listed))
        except DataError as error:
            raise DataError(str(error), file=file, record=where) from error
    names: dict[Id, Sequence[str]] = {image: _names(image) for image in results}
    classes = None
    if listed is not None:
        names = {image: (listed.names.get(image, image),) for image in listed.names}
        names |= {image: (image,) for image in results if image not in listed.names}
        classes = listed.classes
    images = match_images(names, request)
    counts = images.counts
    if classes is not None:
        used = {one.category for some in results.values() for one in some}
        unknown = sorted(used - set(classes))
        counts["n_unknown_classes"] = told(unknown, "categories of predictions are not listed")
    return OtherModel(CocoResultsPredictor(file, results, images, classes), True, counts)


@dataclass(frozen=True, slots=True)
class _Listed:
    """What an instances JSON says of images and categories; classes are None where there are fewer
    than two, which tells nothing apart."""

    names: dict[Id, str]
    sizes: dict[Id, Size]
    classes: dict[Id, str] | None

    @classmethod
    def read(cls, file: Path) -> _Listed:
        content = read_ground_truth(file)
        names, sizes = {}, {}
        try:
            for record in records_of(content, "images", "instances"):
                required(record_of(record), "id", "file_name", "height", "width")
                image = id_text(identifier(record))
                names[image] = str(record["file_name"])
                sizes[image] = (
                    whole(record, "height", 1, MAX_PIXELS),
                    whole(record, "width", 1, MAX_PIXELS),
                )
            categories = records_of(content, "categories", "instances")
            return cls(names, sizes, named_categories(categories))
        except DataError as error:
            raise DataError(str(error), file=file) from error


def named_categories(records: Sequence[Any]) -> dict[Id, str] | None:
    """Return the name in prompts of each category by its id; None for fewer than two, which tell
    nothing apart.

    Raises:
        DataError: a record without id or name.
    """
    sources = {}
    for record in records:
        required(record_of(record), "id", "name")
        sources[id_text(identifier(record))] = record["name"]
    numbered, _ = class_names(dict(enumerate(sources.values())))
    names = dict(zip(sources, numbered.values(), strict=True))
    return names if len(names) > 1 else None


def _result(record: Mapping[str, Any], where: str, image: Id, listed: _Listed | None) -> Result:
    required(record, "segmentation", "score")
    segmentation = record["segmentation"]
    size = listed.sizes.get(image) if listed is not None else None
    if size is None:
        size = _own_size(segmentation)
    category = id_text(record.get("category_id"))
    return Result(where, mask_code(segmentation, *size), number(record, "score"), category)


def _own_size(segmentation: Any) -> Size:
    if not isinstance(segmentation, Mapping):
        raise DataError("polygons of an image of unknown size", hint="list it with --images")
    size = segmentation.get("size")
    if not isinstance(size, list | tuple) or len(size) != 2:
        raise DataError("RLE without a size [h, w]")
    sides = dict(zip(("height", "width"), size, strict=True))
    return whole(sides, "height", 1, MAX_PIXELS), whole(sides, "width", 1, MAX_PIXELS)


def _names(image: Id) -> tuple[str, ...]:
    return (image, image.zfill(12)) if image.isdecimal() else (image,)
