"""Photographs, truth and both models' predictions for viewers that read COCO's formats.

A folder per task, in the layout that FiftyOne documents as ``COCODetectionDataset``, which is a
``FiftyOneDataset`` too (`unigs.comparison.fiftyone_dataset`):

    data/KEY.png             photographs, as the samples have them
    labels.json              COCO instances of the truth
    panoptic.json panoptic/  the truth as COCO panoptic
    predictions/MODEL/       results.json (COCO results, with boxes), panoptic.json with panoptic/,
                             and data/ with the images that the model generated

In the COCO files there is one category, "entity", as models predict no classes; the true class is
the attribute ``class_name`` of an annotation and of a segment.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from pycocotools import mask as rle_codec

from unigs.comparison.breakdown import Classes
from unigs.comparison.evaluation import TRUTH, Evaluation
from unigs.comparison.fiftyone_dataset import Scores, write_dataset
from unigs.errors import ConfigError, DataError
from unigs.io.files import replacing_folder
from unigs.shards.read import read_samples

LABELS, RESULTS, PANOPTIC = "labels.json", "results.json", "panoptic.json"
DATA, PREDICTIONS = "data", "predictions"
_INSTANCES = "truth.json"
_AGAIN = "evaluate again, on the same shards as the other"


@dataclass(frozen=True, slots=True)
class Exported:
    """What `export_task` wrote: a folder, with a number of images and of true entities."""

    folder: Path
    images: int
    entities: int


def export_models(
    out: Path,
    first: Mapping[str, Path],
    second: Mapping[str, Path],
    names: tuple[str, str],
    shards: Path,
) -> dict[str, Exported]:
    """Export each task that both models were evaluated on into a folder of its name.

    Args:
        out: folder to make.
        first, second, names, shards: as in `unigs.comparison.models.compare_models`.

    Returns:
        what was written, by task.

    Raises:
        ConfigError: ``out`` is not empty.
        DataError: an evaluation is not whole, the two are of other samples, or the shards lack one.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"--export {out}: is not empty", hint="give a new folder")
    written = {}
    with replacing_folder(out) as partial:
        for task, folder in first.items():
            if task in second:
                sides = [
                    Evaluation.read(place, name)
                    for place, name in zip((folder, second[task]), names, strict=True)
                ]
                title = task or folder.name
                found = export_task(partial / title, shards / task, sides)
                written[title] = Exported(out / title, found.images, found.entities)
    return written


def export_task(folder: Path, shards: Path, sides: Sequence[Evaluation]) -> Exported:
    """Export evaluations of one task on the same samples; arguments and errors as above."""
    truth = _read(sides[0].folder / _INSTANCES)
    images = _read(sides[0].folder / TRUTH)["images"]
    ids = {image["key"]: image["id"] for image in images}
    classes = _photographs(folder / DATA, shards, ids)
    panoptic = _panoptic(sides[0], "truth_panoptic", ids, folder)
    for record in panoptic["annotations"]:
        named = classes[Path(record["file_name"]).stem]
        for segment in record["segments_info"]:
            if segment["id"] not in named:
                raise DataError(
                    f"entity {segment['id']} of the evaluated truth is not in the shards",
                    file=shards,
                    record=record["file_name"],
                    hint="give the shards of the evaluated task",
                )
            segment["class_name"] = named[segment["id"]]
    listed = [
        annotation | {"class_name": name}
        for annotation, name in zip(
            truth["annotations"], _class_names(panoptic["annotations"]), strict=True
        )
    ]
    about = {"info": {"description": f"{folder.name}: truth"}, "licenses": []}
    _write(folder / LABELS, {**about, **truth, "annotations": listed})
    _write(folder / PANOPTIC, {**about, **panoptic})
    names = folder_names([side.name for side in sides])
    scores = [
        _predictions(folder / PREDICTIONS / name, side, ids)
        for side, name in zip(sides, names, strict=True)
    ]
    write_dataset(folder, DATA, sides, names, scores, classes)
    return Exported(folder, len(images), len(listed))


def folder_names(names: Sequence[str]) -> list[str]:
    """Return a folder's name for each model: its own, where that is one and no other model's."""
    plain = [re.sub(r"[^\w.-]+", "-", name).strip(".") or "model" for name in names]
    shared = {name for name, count in Counter(plain).items() if count > 1}
    return [f"{n}-{name}" if name in shared else name for n, name in enumerate(plain, start=1)]


def _photographs(folder: Path, shards: Path, ids: Mapping[str, int]) -> Classes:
    """Write the photographs of some samples; return the class names of their true entities."""
    folder.mkdir(parents=True)
    classes = {}
    for sample in read_samples(shards):
        if sample.key in ids:
            Image.fromarray(sample.image).save(folder / f"{sample.key}.png")
            classes[sample.key] = {entity.id: entity.class_name for entity in sample.entities}
    if missing := [key for key in ids if key not in classes]:
        raise DataError(
            f"{len(missing)} of {len(ids)} evaluated samples are not in these shards, {missing[0]} "
            "the first",
            file=shards,
            hint="give the shards that both were evaluated on",
        )
    return classes


def _class_names(panoptic: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the class of each annotation of ``truth.json``, which lists the entities of an image
    by label, the images by id."""
    return [
        segment["class_name"]
        for record in sorted(panoptic, key=lambda record: record["image_id"])
        for segment in sorted(record["segments_info"], key=lambda segment: segment["id"])
    ]


def _predictions(folder: Path, side: Evaluation, ids: Mapping[str, int]) -> Scores:
    """Write what a model predicts, its images numbered as those of the truth; return the scores of
    its entities."""
    own = {image["id"]: image["key"] for image in _read(side.folder / TRUTH)["images"]}
    if other := set(own.values()) ^ set(ids):
        raise DataError(
            f"{len(other)} samples were evaluated for one model alone, {min(other)} the first",
            file=side.folder,
            hint=_AGAIN,
        )
    results, scores = [], defaultdict(list)
    for result in _read(side.folder / RESULTS):
        mask = result["segmentation"]
        encoded = {**mask, "counts": mask["counts"].encode()}
        box, area = rle_codec.toBbox(encoded).tolist(), int(rle_codec.area(encoded))
        numbered = {"image_id": ids[own[result["image_id"]]], "bbox": box, "area": area}
        results.append(result | numbered)
        scores[numbered["image_id"]].append(result["score"])
    panoptic = _panoptic(side, "panoptic", ids, folder)
    _write(folder / RESULTS, results)
    _write(folder / PANOPTIC, panoptic)
    for key in ids:
        if (picture := side.picture("images", key)) is not None:
            (folder / DATA).mkdir(exist_ok=True)
            shutil.copyfile(picture, folder / DATA / f"{key}.png")
    # results list the entities of an image by label
    return {
        Path(record["file_name"]).stem: dict(
            zip(
                sorted(segment["id"] for segment in record["segments_info"]),
                scores[record["image_id"]],
                strict=True,
            )
        )
        for record in panoptic["annotations"]
    }


def _panoptic(side: Evaluation, kind: str, ids: Mapping[str, int], folder: Path) -> dict[str, Any]:
    """Copy the PNGs of a panoptic pair and return its JSON, its images numbered by key."""
    place = folder / "panoptic"
    place.mkdir(parents=True, exist_ok=True)
    content = _read(side.folder / f"{kind}.json")
    keys = {image["id"]: image["key"] for image in content["images"]}
    for record in content["annotations"]:
        record["image_id"] = ids[keys[record["image_id"]]]
        shutil.copyfile(side.folder / kind / record["file_name"], place / record["file_name"])
    for image in content["images"]:
        image["id"] = ids[image["key"]]
    return content


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"no evaluation: {error}", file=path, hint=_AGAIN) from error


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")
