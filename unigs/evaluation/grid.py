"""Draw predictions next to the ground truth, for the report; samples are chosen by their scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from unigs.evaluation.predictions import Prediction
from unigs.io.files import writing
from unigs.metrics.bootstrap.per_image import PerImage
from unigs.samples.sample import Sample
from unigs.tasks import control_image

COLUMNS = ("control", "coarse mask", "image", "colormap", "entities", "true colormap", "true image")
TEXT = 15
INK, PAPER = (20, 20, 20), (255, 255, 255)
#: Row titles of a picture and the share of the samples that score less.
PLACES = {"best": 1.0, "median": 0.5, "worst": 0.0, "upper quartile": 0.75, "lower quartile": 0.25}


def ranked(scores: PerImage, keys: Sequence[str]) -> dict[str, str]:
    """Choose the samples at :data:`PLACES` of the order by mIoU within the image.

    The metric is `miou`, or an evaluator's (`miou.<evaluator>`), or the first that there is; images
    with nothing to score take no part, and equal scores are ordered by key.

    Args:
        scores: what each image contributes to the metrics.
        keys: of all samples, of which the first are taken where nothing is scored.

    Returns:
        The key of each chosen sample, each once, with the title of its row.
    """
    by_image = [name for name in scores.parts if name.partition(".")[0] == "miou"]
    name = next(iter(by_image or scores.parts), None)
    if name is None:
        return dict.fromkeys(keys[: len(PLACES)], "")
    top, bottom = scores.parts[name].T
    scored = np.flatnonzero(bottom)
    values = {scores.keys[n]: float(top[n] / bottom[n]) for n in scored}
    order = sorted(values, key=lambda key: (values[key], key))
    chosen: dict[str, str] = {}
    for title, share in PLACES.items() if order else ():
        key = order[round(share * (len(order) - 1))]
        chosen.setdefault(key, f"{title} of {len(order)}, {name} {values[key]:.3f}: ")
    return chosen


def sample_grid(
    samples: Sequence[Sample],
    predictions: Sequence[Prediction],
    path: Path,
    tile: int = 128,
    *,
    titles: Sequence[str] = (),
) -> None:
    """Write a PNG with one row per sample: inputs, prediction and ground truth.

    ``tile`` is the side of a picture in pixels, ``titles`` come before the prompts of the rows.
    What a prediction lacks stays white.
    """
    font = ImageFont.load_default(TEXT - 4)
    row_height = tile + TEXT
    sheet = Image.new("RGB", (len(COLUMNS) * tile, grid_height(len(samples), tile)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(COLUMNS):
        draw.text((column * tile + 2, 0), title, INK, font)
    for row, (sample, prediction) in enumerate(zip(samples, predictions, strict=True)):
        top = TEXT + row * row_height
        absent = f"   (not there: {', '.join(sample.absent)})" if sample.absent else ""
        title = titles[row] if titles else ""
        draw.text((2, top), title + sample.prompt + absent, INK, font)
        for column, pixels in enumerate(_pictures(sample, prediction)):
            if pixels is not None:
                picture = Image.fromarray(pixels).resize((tile, tile), Image.Resampling.NEAREST)
                sheet.paste(picture, (column * tile, top + TEXT))
    with writing(path) as partial:
        sheet.save(partial, "PNG")


def grid_height(rows: int, tile: int = 128) -> int:
    """Pixel rows of a grid's title and of its first ``rows`` samples."""
    return TEXT + rows * (tile + TEXT)


def stack_grids(files: Sequence[Path], out: Path, rows: int = 3) -> None:
    """Stack the first ``rows`` samples of several grids into one PNG."""
    pictures = []
    for file in files:
        with Image.open(file) as image:
            height = min(grid_height(rows), image.height)
            pictures.append(image.convert("RGB").crop((0, 0, image.width, height)))
    size = (max(p.width for p in pictures), sum(p.height for p in pictures))
    sheet, top = Image.new("RGB", size, PAPER), 0
    for picture in pictures:
        sheet.paste(picture, (0, top))
        top += picture.height
    with writing(out) as partial:
        sheet.save(partial, "PNG", optimize=True)


def _pictures(sample: Sample, prediction: Prediction) -> list[NDArray[np.uint8] | None]:
    control = control_image(sample.task, sample.image, sample.colormap, sample.coarse_mask)
    mask = np.repeat(sample.coarse_mask[..., None], 3, 2).astype(np.uint8) * 255
    entities = None
    if prediction.segments is not None:
        entities = outlined(sample.image, prediction.segments)
    return [
        np.rint((control + 1) * 127.5).astype(np.uint8),
        mask,
        prediction.image,
        prediction.colormap,
        entities,
        sample.colormap,
        sample.image,
    ]


def outlined(image: NDArray[np.uint8], segments: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Return the image, each entity tinted in a colour of its own; 0 is dimmed."""
    labels = np.arange(int(segments.max(initial=0)) + 1)
    # Steps of the golden angle keep the hues of any number of labels apart.
    hues = (labels * 0.61803398875 * 255).astype(np.uint8)
    solid = np.stack([hues, np.full_like(hues, 200), np.full_like(hues, 255)], -1)
    colors = np.asarray(Image.fromarray(solid[None], "HSV").convert("RGB"))[0].copy()
    colors[0] = 0
    return (image // 2 + colors[segments] // 2).astype(np.uint8)
