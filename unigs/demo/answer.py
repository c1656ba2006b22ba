"""Run a task on what a tab holds, and make of its output what the page shows."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unigs.demo.canvas import coarse_mask, shown, shown_mask
from unigs.demo.colormap_editor import Drawn, enlarged
from unigs.demo.preview import DenoisingStep, Previews
from unigs.demo.words import unknown_words
from unigs.errors import ConfigError
from unigs.pipeline.initial_noise import seeded_generator
from unigs.pipeline.output import UniGSOutput
from unigs.tasks import task_named
from unigs.workflows.predict_files import split_names

COLUMNS = ("entity", "class", "score", "area", "x", "y", "width", "height")
# Each is a picture of its own to the browser; the largest come first.
MOST_SHOWN = 40
# After which uploads and answers are deleted.
KEPT_SECONDS = 3600
_PREFIX = "answer-"


@dataclass(frozen=True, slots=True, eq=False)
class TabInput:
    """What a tab holds; a field that was emptied is None.

    Attributes:
        picture: (h, w, 3) uint8, or None.
        layers: of the canvas, as painted.
        names: class names with commas between.
        steps, guidance: 0 or None for the model's own.
        decoder: "" for the model's own.
        keep: inpainting: the picture stays as it is outside the strokes.
        smooth: how the answer is enlarged.
        drawn: what was drawn in the colormap editor; it takes the place of `picture`.
    """

    task: str
    picture: np.ndarray | None
    layers: Sequence[Image.Image] = ()
    names: str | None = ""
    steps: int | None = 0
    guidance: float | None = 0.0
    seed: int | None = 0
    decoder: str | None = ""
    keep: bool = True
    smooth: bool = False
    drawn: Drawn | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TabOutput:
    """What the page shows.

    Attributes:
        image, colormap: in the size of `shown`.
        entities: (mask, label, colour) of each, the mask 0 or 1 in the size of `shown`.
        rows: of the table, in the order of `COLUMNS`.
        files: to download: PNGs, COCO results and a COCO panoptic pair.
        warnings: sentences.
        picture: (h, w, 3) uint8 that the masks lie on: the given one, or the new one of tasks that
            make one.
        masks: (h, w) bool of each of `entities`.
    """

    image: Image.Image
    colormap: Image.Image
    base: Image.Image
    entities: list[tuple[np.ndarray, str, str]]
    rows: list[list[Any]]
    files: list[str]
    picture: np.ndarray
    masks: list[np.ndarray]
    warnings: list[str] = field(default_factory=list)


def answer(
    pipeline: Any,
    request: TabInput,
    folder: Path,
    tell: Callable[[DenoisingStep], None] | None = None,
) -> TabOutput:
    """Run the task.

    Args:
        folder: in which the files to download get a folder of their own.
        tell: called after each step.

    Raises:
        UnigsError: something is missing or wrong; the message is for the page.
    """
    kind = task_named(request.task)
    given: dict[str, Any] = {}
    if kind.control == "colormap":
        given["colormap"] = _colormap(request, pipeline.config["size"])
    else:
        if request.picture is None:
            raise ConfigError("no picture", hint="load one, paste one or take an example")
        given["image"] = request.picture
    if kind.coarse == "sampled":
        given["coarse_mask"] = _strokes(request)
    warnings: list[str] = []
    if kind.takes_names:
        drawn = request.drawn.given_names if request.drawn else []
        names = list(dict.fromkeys([*filter(None, split_names(request.names or "")), *drawn]))
        if not names:
            raise ConfigError("no class names", hint="name what to find or make, e.g. dog")
        warnings = unknown_words(pipeline.tokenizer, names)
        given["names"] = names
    if kind.control == "masked_image":
        given["paste_back"] = request.keep

    previews = Previews()

    def step(model: Any, index: int, timestep: Any, state: dict[str, Any]) -> dict[str, Any]:
        if tell is not None:
            tell(previews.step(model, index, state["latents"]))
        return {}

    output = pipeline(
        task=kind.name,
        num_inference_steps=request.steps or None,
        guidance_scale=float(request.guidance or 0) or None,
        generator=seeded_generator(request.seed),
        decoder=request.decoder or None,
        callback_on_step_end=step,
        **given,
    )
    picture = np.asarray(output.images[0]) if kind.new_image else request.picture
    assert picture is not None
    return _shown(output, picture, request.smooth, folder, warnings)


def _strokes(request: TabInput) -> np.ndarray:
    assert request.picture is not None
    mask = coarse_mask(request.layers, request.picture.shape[:2])
    if mask is None:
        raise ConfigError("nothing is painted", hint="brush over where to look or to fill")
    return mask


def _colormap(request: TabInput, side: int | None) -> np.ndarray:
    """Return what a synthesis is made of: the entities that were drawn, as labels in the size of
    the loaded colormap or of the model, else that colormap."""
    if request.drawn is None and request.picture is not None:
        return request.picture
    if request.drawn is None or not request.drawn.labels.any():
        raise ConfigError("nothing is painted", hint="paint entities, or load a colormap")
    size = (side or 512,) * 2 if request.picture is None else request.picture.shape[:2]
    return enlarged(request.drawn.labels, size)


def _shown(
    output: UniGSOutput, picture: np.ndarray, smooth: bool, folder: Path, warnings: list[str]
) -> TabOutput:
    found = output.entities[0]  # type: ignore[index]
    # hundreds of them, as an untrained model finds, would fill the memory
    masks = [entity.mask() for entity in found[:MOST_SHOWN]]
    entities = []
    for entity, mask in zip(found[:MOST_SHOWN], masks, strict=True):
        red, green, blue = output.colormaps[0][mask].mean(axis=0).astype(int).tolist()
        label = (
            f"{entity.id} {entity.class_name or 'entity'}, {entity.score:.2f}, {entity.area:,} px"
        )
        entities.append((shown_mask(mask), label, f"#{red:02x}{green:02x}{blue:02x}"))
    return TabOutput(
        image=shown(output.images[0], smooth),
        colormap=shown(output.colormaps[0], smooth),
        base=shown(picture, smooth),
        entities=entities,
        rows=[
            [one.id, one.class_name or "", round(one.score, 3), one.area, *one.bbox]
            for one in found
        ],
        files=_files(output, folder),
        picture=picture,
        masks=masks,
        warnings=warnings,
    )


def _files(output: UniGSOutput, place: Path) -> list[str]:
    """Write what can be downloaded, in the size that was worked on."""
    for old in place.glob(f"{_PREFIX}*"):
        if time.time() - old.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=place, prefix=_PREFIX))
    (labels,), (record,) = output.to_panoptic(["answer"])
    pictures = {
        "image": output.images[0],
        "colormap": Image.fromarray(np.asarray(output.colormaps[0])),
        "overlay": output.draw()[0],
        "panoptic": labels,
    }
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.png")
    size = {"height": labels.height, "width": labels.width}
    panoptic = {
        "images": [{"id": "answer", "file_name": "image.png", **size}],
        "annotations": [record | {"file_name": "panoptic.png"}],
        "categories": [{"id": 1, "name": "entity", "isthing": 1}],
    }
    contents = {"panoptic.json": panoptic, "coco.json": output.to_coco([1])}
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return sorted(str(path) for path in folder.iterdir())
