"""Answers to picture files, written in formats that other tools read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image

from unigs.errors import ConfigError, DataError, UnigsError
from unigs.io.image_file import read_image
from unigs.pipeline.merge_names import predict_by_name
from unigs.pipeline.merge_seeds import predict_with_seeds
from unigs.pipeline.merge_tiles import predict_in_tiles
from unigs.pipeline.output import UniGSOutput
from unigs.shards.tar import writing

SUFFIXES = (".png", ".jpg", ".jpeg")
PICTURES = ("image", "colormap", "coarse_mask")
Merge = Literal["none", "seeds", "names", "tiles"]


@dataclass(slots=True)
class Predictions:
    """What was answered and what was refused.

    Attributes:
        answers: by picture `name`, `image`, `colormap`, `overlay`, `panoptic` (paths) and
            `entities` (see `EntityPrediction.to_dict`).
        refused: `file` and `reason` of pictures that could not be answered.
    """

    answers: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)


def predict_files(
    pipeline: Any,
    task: str,
    sources: Mapping[str, Path | None],
    out: Path,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    merge: Merge = "none",
    runs: int = 5,
) -> Predictions:
    """Predict one picture, or every picture of a folder.

    Each answer is `NAME.image.png`, `NAME.colormap.png`, `NAME.overlay.png` and a COCO panoptic
    pair `NAME.panoptic.json`, `NAME.png`. An answer depends on its picture and `seed` alone.
    Folders are matched by the stems of their files; a single file serves every picture.

    Args:
        sources: `image`, `coarse_mask`, `colormap`: a file or folder each, or None.
        out: folder of the answers, made if missing.
        options: further arguments of the pipeline call.
        merge: make one answer of several runs: of `runs` seeds
            (`unigs.pipeline.merge_seeds`), of one run a name (`unigs.pipeline.merge_names`), or
            of one run a tile (`unigs.pipeline.merge_tiles`).

    Raises:
        UnigsError: a single picture is refused; of a folder, a refused picture is told in the
            result and the others are answered.
    """
    given = {name: Path(path) for name, path in sources.items() if path is not None}
    predictions = Predictions()
    folder = any(path.is_dir() for path in given.values())
    for name, files in _matched(given):
        try:
            pictures = {kind: _read(kind, file) for kind, file in files.items()}
            output = _ask(pipeline, task, seed, merge, runs, pictures | dict(options or {}))
        except UnigsError as error:
            if not folder:
                raise
            predictions.refused.append(
                {"file": str(next(iter(files.values()))), "reason": str(error)}
            )
            continue
        predictions.answers.append(write_prediction(output, out, name))
    return predictions


def _ask(
    pipeline: Any, task: str, seed: int, merge: Merge, runs: int, given: dict[str, Any]
) -> UniGSOutput:
    if merge == "seeds":
        return predict_with_seeds(pipeline, task, range(seed, seed + runs), **given)
    if merge == "tiles":
        return predict_in_tiles(pipeline, task, seed=seed, **given)
    if merge == "names":
        names = given.pop("names", None)
        if task != "referring" or not names:
            raise ConfigError("merging names", hint="give the task referring and names")
        return predict_by_name(pipeline, names, seed, **given)
    return pipeline(task=task, generator=torch.Generator().manual_seed(seed), **given)


def write_prediction(output: UniGSOutput, out: Path, name: str) -> dict[str, Any]:
    """Write the only answer of `output` under `out`, each file whole; its record."""
    classes = sorted({e.class_name for e in output.entities[0] if e.class_name})  # type: ignore[index]
    names = ["entity", *classes]
    (labels,), (record,) = output.to_panoptic([name], {c: names.index(c) + 1 for c in classes})
    paths = {kind: out / f"{name}.{kind}.png" for kind in ("image", "colormap", "overlay")}
    pictures = {
        paths["image"]: output.images[0],
        paths["colormap"]: Image.fromarray(output.colormaps[0]),
        paths["overlay"]: output.draw()[0],
        out / record["file_name"]: labels,
    }
    for path, picture in pictures.items():
        with writing(path) as partial:
            picture.save(partial, "PNG")
    panoptic = out / f"{name}.panoptic.json"
    content = {
        "images": [{"id": name, "height": labels.height, "width": labels.width}],
        "annotations": [record],
        "categories": [{"id": i, "name": one, "isthing": 1} for i, one in enumerate(names, 1)],
    }
    with writing(panoptic) as partial:
        partial.write_text(json.dumps(content))
    return {
        "name": name,
        **{kind: str(path) for kind, path in paths.items()},
        "panoptic": str(panoptic),
        "entities": [entity.to_dict() for entity in output.entities[0]],  # type: ignore[index]
    }


def _matched(given: Mapping[str, Path]) -> Iterator[tuple[str, dict[str, Path]]]:
    """Name and files of each picture to answer."""
    if not given:
        raise DataError("no picture given", hint="give an image, or for synthesis a colormap")
    folders = {kind: _listed(path) for kind, path in given.items() if path.is_dir()}
    if not folders:
        yield given["image" if "image" in given else "colormap"].stem, dict(given)
        return
    first = next(kind for kind in PICTURES if kind in folders)
    for stem in folders[first]:
        files = {}
        for kind, path in given.items():
            files[kind] = folders[kind].get(stem, path / f"{stem}.png") if kind in folders else path
        yield stem, files


def _listed(folder: Path) -> dict[str, Path]:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError("no pictures", file=folder, hint=f"give {', '.join(SUFFIXES)} files")
    return {file.stem: file for file in files}


def _read(kind: str, file: Path) -> np.ndarray:
    pixels = read_image(file)
    return pixels.max(axis=2) if kind == "coarse_mask" else pixels


def split_names(text: str) -> Sequence[str]:
    """'dog, traffic light' -> ['dog', 'traffic light']."""
    return [name.strip() for name in text.split(",")]
