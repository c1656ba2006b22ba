"""A contact sheet: a picture of some samples of a folder of shards."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unigs.errors import ConfigError
from unigs.io.files import writing
from unigs.samples.sample import Sample
from unigs.shards.manifest import read_manifest
from unigs.shards.place import opened
from unigs.shards.read import read_samples
from unigs.tasks import control_image

TEXT_HEIGHT = 16
GAP = 8
BACKGROUND = (24, 24, 24)
INK = (235, 235, 235)


def contact_sheet(
    place: Path | str, out_png: Path | str, count: int = 16, tile: int = 128, columns: int = 2
) -> int:
    """Draw image | control image | coarse mask | colormap of some samples, the prompt below.

    ``count`` samples of a folder or an address are taken at equal distances; ``tile`` is the
    side of a picture in pixels. Returns the number of samples drawn.
    """
    if count < 1 or columns < 1:
        raise ConfigError(f"{count} samples in {columns} columns: give at least one")
    with opened(place) as source:
        total = read_manifest(source.folder).samples
    chosen = list(islice(read_samples(place), 0, None, max(1, total // count)))[:count]
    cells = [_cell(sample, tile) for sample in chosen]
    width, height = cells[0].size
    rows = -(-len(cells) // columns)
    size = (columns * (width + GAP) + GAP, rows * (height + GAP) + GAP)
    sheet = Image.new("RGB", size, BACKGROUND)
    for number, cell in enumerate(cells):
        row, column = divmod(number, columns)
        sheet.paste(cell, (GAP + column * (width + GAP), GAP + row * (height + GAP)))
    with writing(Path(out_png)) as partial:
        sheet.save(partial, "PNG")
    return len(cells)


def _cell(sample: Sample, tile: int) -> Image.Image:
    control = control_image(sample.task, sample.image, sample.colormap, sample.coarse_mask)
    mask = np.repeat(sample.coarse_mask[..., None], 3, axis=2).astype(np.uint8) * 255
    shown = [sample.image, np.rint((control + 1) * 127.5).astype(np.uint8), mask, sample.colormap]
    cell = Image.new("RGB", (len(shown) * tile, tile + TEXT_HEIGHT), BACKGROUND)
    for place, pixels in enumerate(shown):
        picture = Image.fromarray(pixels).resize((tile, tile), Image.Resampling.NEAREST)
        cell.paste(picture, (place * tile, 0))
    text = sample.prompt
    if sample.absent:
        text += f"  (absent: {', '.join(sample.absent)})"
    font = ImageFont.load_default(TEXT_HEIGHT - 5)
    ImageDraw.Draw(cell).text((2, tile + 1), text, INK, font)
    return cell
