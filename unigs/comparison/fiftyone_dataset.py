"""The exported images as a data set of FiftyOne's own, its ``FiftyOneDataset`` on disk.

    metadata.json   the fields of a sample
    samples.json    a sample an image: truth, each model's entities and its metrics of the image
    data/           photographs, those of the COCO files beside it
    fields/         images that a model generated, a folder a model

Both JSON files are MongoDB's extended JSON, as FiftyOne documents and writes them. A mask is the
part of it inside its box: what ``numpy.save`` writes, deflated, in base64. Boxes are shares of
the image.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from unigs.comparison.breakdown import Classes, own_values
from unigs.comparison.evaluation import Evaluation

METADATA, SAMPLES, FIELDS = "metadata.json", "samples.json", "fields"
TRUTH, ENTITIES, IMAGES = "truth", "entities", "image"
#: Release whose form the files have; later ones bring it up to date when they import it.
VERSION = "1.0.0"
_CORE = "fiftyone.core"

#: Scores of a model's entities: key of a sample -> label -> score.
Scores = Mapping[str, Mapping[int, float]]


def write_dataset(
    folder: Path,
    photographs: str,
    sides: Sequence[Evaluation],
    names: Sequence[str],
    scores: Sequence[Scores],
    classes: Classes,
) -> None:
    """Write the two JSON files and ``fields/``.

    Args:
        folder: of the task.
        photographs: folder in it with ``KEY.png`` of each sample of ``classes``.
        sides: the models' evaluations on the same samples.
        names: of the models, as folders are called.
        scores: of each model's entities.
        classes: of the true entities.

    Raises:
        DataError: a file of the truth is gone.
    """
    known = _distinct([re.sub(r"\W", "_", name) for name in names])
    measured = [_metrics(side) for side in sides]
    samples = {key: _sample(folder, photographs, key) for key in classes}
    kinds: dict[str, str] = {"key": "StringField", TRUTH: "Detections"}
    for key, sample in samples.items():
        truth = sides[0].truth(key)
        sample[TRUTH] = _detections(truth, f"{key}/{TRUTH}", classes[key], {})
    media = ["filepath"]
    for side, name, found, own in zip(sides, known, scores, measured, strict=True):
        for key, sample in samples.items():
            labels = side.labels(key)
            if labels is not None:
                field = f"{ENTITIES}_{name}"
                kinds[field] = "Detections"
                sample[field] = _detections(labels, f"{key}/{field}", {}, found.get(key, {}))
            if (picture := side.picture("images", key)) is not None:
                field = f"{IMAGES}_{name}"
                kinds[field] = "StringField"
                sample[field] = f"{FIELDS}/{field}/{key}.png"
                (folder / FIELDS / field).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(picture, folder / sample[field])
                media += [field] if field not in media else []
            for metric, values in own.items():
                kinds[f"{metric}_{name}"] = "FloatField"
                sample[f"{metric}_{name}"] = values.get(key)
    _write(folder / METADATA, _metadata(folder.name, kinds, media))
    _write(folder / SAMPLES, {"samples": list(samples.values())})


def _distinct(names: Sequence[str]) -> list[str]:
    """Number names that are no more than one."""
    return [f"{n}_{name}" if names.count(name) > 1 else name for n, name in enumerate(names, 1)]


def _metrics(side: Evaluation) -> dict[str, dict[str, float]]:
    """Return the metrics that images have of their own, whose names can name a field."""
    names = [value.name for value in side.values if value.name in side.scores.parts]
    return {name: own_values(side.scores, name) for name in names if name.isidentifier()}


def _sample(folder: Path, photographs: str, key: str) -> dict[str, Any]:
    name = f"{photographs}/{key}.png"
    with Image.open(folder / name) as image:
        width, height = image.size
    return {
        "_id": _object_id(key),
        "_media_type": "image",
        # by which FiftyOne draws samples at random: any number, but the same in each export
        "_rand": int(_digest(key)[:8], 16) / 16**8,
        "filepath": name,
        "tags": [],
        "metadata": {
            "_cls": "ImageMetadata",
            "size_bytes": (folder / name).stat().st_size,
            "mime_type": "image/png",
            "width": width,
            "height": height,
            "num_channels": 3,
        },
        "key": key,
    }


def _detections(
    labels: NDArray[np.int32], place: str, classes: Mapping[int, str], scores: Mapping[int, float]
) -> dict[str, Any]:
    """Return the entities of (h, w) labels, 0 = nothing; without a class they are "entity"."""
    return {"_cls": "Detections", "detections": list(_each(labels, place, classes, scores))}


def _each(
    labels: NDArray[np.int32], place: str, classes: Mapping[int, str], scores: Mapping[int, float]
) -> Iterator[dict[str, Any]]:
    height, width = labels.shape
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        rows, columns = box
        found = {
            "_id": _object_id(f"{place}/{label}"),
            "_cls": "Detection",
            "attributes": {},
            "tags": [],
            "label": classes.get(label, "entity"),
            "bounding_box": [
                columns.start / width,
                rows.start / height,
                (columns.stop - columns.start) / width,
                (rows.stop - rows.start) / height,
            ],
            "mask": _binary(labels[box] == label),
            "index": label,
        }
        yield found | ({"confidence": scores[label]} if label in scores else {})


def _binary(mask: NDArray[np.bool_]) -> dict[str, Any]:
    stream = io.BytesIO()
    np.save(stream, mask, allow_pickle=False)
    text = base64.b64encode(zlib.compress(stream.getvalue())).decode()
    return {"$binary": {"base64": text, "subType": "00"}}


def _metadata(name: str, kinds: Mapping[str, str], media: Sequence[str]) -> dict[str, Any]:
    own = [
        _embedded(field, "labels.Detections", [_DETECTIONS])
        if kind == "Detections"
        else _field(field, kind)
        for field, kind in kinds.items()
    ]
    return {
        "name": name,
        "version": VERSION,
        "media_type": "image",
        "tags": [],
        "info": {},
        "app_config": {
            "grid_media_field": media[0],
            "modal_media_field": media[0],
            "media_fields": list(media),
            "plugins": {},
        },
        "classes": {},
        "default_classes": [],
        "mask_targets": {},
        "default_mask_targets": {},
        "skeletons": {},
        "sample_fields": [*_EVERY_SAMPLE, *own],
        "frame_fields": [],
    }


def _field(
    name: str,
    kind: str,
    document: str | None = None,
    subfield: str | None = None,
    fields: Sequence[Any] = (),
    column: str | None = None,
    read_only: bool = False,
) -> dict[str, Any]:
    """Describe a field; ``column`` is its key in a sample, where that is not its name."""
    return {
        "name": name,
        "ftype": f"{_CORE}.fields.{kind}",
        "embedded_doc_type": document and f"{_CORE}.{document}",
        "subfield": subfield and f"{_CORE}.fields.{subfield}",
        "fields": list(fields),
        "db_field": column or name,
        "description": None,
        "info": None,
        "read_only": read_only,
    }


def _embedded(name: str, document: str, fields: Sequence[Any]) -> dict[str, Any]:
    return _field(name, "EmbeddedDocumentField", document, fields=fields)


_TAGS = _field("tags", "ListField", subfield="StringField")
_ID = _field("id", "ObjectIdField", column="_id")
_DETECTIONS = _field(
    "detections",
    "ListField",
    "labels.Detection",
    "EmbeddedDocumentField",
    [
        _ID,
        _TAGS,
        _field("attributes", "DictField", "labels.Attribute", "EmbeddedDocumentField"),
        _field("label", "StringField"),
        _field("bounding_box", "ListField", subfield="FloatField"),
        _field("mask", "ArrayField"),
        _field("mask_path", "StringField"),
        _field("confidence", "FloatField"),
        _field("index", "IntField"),
    ],
)
_NUMBERS = ("width", "height", "num_channels")
#: What FiftyOne has of every sample.
_EVERY_SAMPLE = (
    _ID,
    _field("filepath", "StringField"),
    _TAGS,
    _embedded(
        "metadata",
        "metadata.ImageMetadata",
        [
            _field("size_bytes", "IntField"),
            _field("mime_type", "StringField"),
            *(_field(name, "IntField") for name in _NUMBERS),
        ],
    ),
    _field("created_at", "DateTimeField", read_only=True),
    _field("last_modified_at", "DateTimeField", read_only=True),
    _field("_media_type", "StringField"),
    _field("_rand", "FloatField"),
    _field("_dataset_id", "ObjectIdField"),
)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _object_id(text: str) -> dict[str, str]:
    return {"$oid": _digest(text)[:24]}


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, allow_nan=False), "utf-8")
