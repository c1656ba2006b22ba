"""Pictures of predictions: every sample is shown completely."""

from types import SimpleNamespace

import numpy as np
from PIL import Image

from unigs.evaluation.grid import COLUMNS, TEXT, grid_height, sample_grid, stack_grids
from unigs.evaluation.predictions import Prediction

TILE = 128


def a_sample(colour):
    image = np.full((8, 8, 3), colour, np.uint8)
    return SimpleNamespace(
        task="referring", prompt="referring: find ball.", absent=(), image=image, colormap=image,
        coarse_mask=np.ones((8, 8), bool),
    )  # fmt: skip


def a_grid(path, colours):
    samples = [a_sample(colour) for colour in colours]
    sample_grid(samples, [Prediction(image=sample.image) for sample in samples], path)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_a_grid_has_a_title_and_a_row_for_each_sample(tmp_path):
    pixels = a_grid(tmp_path / "grid.png", [10, 60, 110, 160])
    assert pixels.shape == (grid_height(4), len(COLUMNS) * TILE, 3)
    # The lowest row of the last column's picture, the true image, belongs to the last sample.
    assert (pixels[-1, -1] == 160).all()
    assert (pixels[grid_height(3) - 1, -1] == 110).all()


def test_stacked_grids_show_three_whole_samples_of_each(tmp_path):
    tasks = {"a.png": [10, 60, 110, 160, 210], "b.png": [20, 70]}
    grids = [a_grid(tmp_path / name, colours) for name, colours in tasks.items()]
    stack_grids([tmp_path / name for name in tasks], tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        stacked = np.asarray(image)
    three = TEXT + 3 * (TILE + TEXT)
    assert np.array_equal(stacked[:three], grids[0][:three])
    assert (stacked[three - 1, -1] == 110).all()
    assert np.array_equal(stacked[three:], grids[1])
