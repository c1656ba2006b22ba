"""Predictions of any model in COCO's panoptic format: a JSON, and a folder of PNGs beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unigs.competitors.masks import prediction_of
from unigs.competitors.request import Request
from unigs.competitors.result_files.coco_results import named_categories
from unigs.competitors.result_files.image_names import Id, ImageNames, match_images
from unigs.errors import DataError
from unigs.evaluation.predictions import OtherModel, Prediction
from unigs.io.annotations.segment_ids import segment_id
from unigs.metrics.coco.fields import id_text, number
from unigs.metrics.coco.panoptic_files import PanopticFile
from unigs.samples.sample import Sample


@dataclass(frozen=True, slots=True)
class PanopticPredictor:
    """Predicts the segments that a panoptic file has of the image of each sample, with their
    `score` where they have one."""

    file: PanopticFile
    ids: Mapping[Id, Any]
    images: ImageNames
    classes: Mapping[Id, str] | None

    def __call__(self, samples: Sequence[Sample]) -> list[Prediction]:
        return [self._predict(sample) for sample in samples]

    def _predict(self, sample: Sample) -> Prediction:
        image = self.images.of(sample)
        if image is None:
            return prediction_of(sample, np.zeros_like(sample.segments), {})
        own = self.ids[image]
        segments = self.file.segments(own)
        infos = {segment_id(info): info for info in self.file.record(own)["segments_info"]}
        try:
            scores = {label: _score(info) for label, info in infos.items()}
        except DataError as error:
            raise DataError(str(error), file=self.file.path, record=f"image {image}") from error
        classes = None
        if self.classes is not None:
            kinds = {label: id_text(info["category_id"]) for label, info in infos.items()}
            classes = {k: self.classes[one] for k, one in kinds.items() if one in self.classes}
        segments = self.images.fitted(segments, sample, self.file.path, image)
        return prediction_of(sample, segments, scores, classes)


def load_panoptic_results(request: Request) -> OtherModel:
    """Read `request.predictions`, whose PNGs are in the folder of its name without ``.json``.

    Raises:
        DataError: a file that does not read, or a record that is not in the format.
    """
    path = request.predicted
    file = PanopticFile(path, path.with_suffix(""))
    ids = {id_text(image): image for image in file.images}
    listed = file.content.get("images") or ()
    named = {
        id_text(record.get("id")): str(record["file_name"])
        for record in listed
        if isinstance(record, Mapping) and "file_name" in record
    }
    # The PNG of an image has its name, but for the extension.
    names = {
        image: (named.get(image) or str(file.record(own)["file_name"]),)
        for image, own in ids.items()
    }
    images = match_images(names, request)
    try:
        classes = named_categories(file.content.get("categories") or ())
    except DataError as error:
        raise DataError(str(error), file=path) from error
    return OtherModel(PanopticPredictor(file, ids, images, classes), True, images.counts)


def _score(info: Mapping[str, Any]) -> float:
    return number(info, "score") if info.get("score") is not None else 1.0
