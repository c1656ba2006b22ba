"""Pictures of predictions: chosen by score, every sample shown completely."""

from types import SimpleNamespace

import numpy as np
from PIL import Image

from unigs.evaluation.grid import (
    COLUMNS,
    PLACES,
    TEXT,
    grid_height,
    ranked,
    sample_grid,
    stack_grids,
)
from unigs.evaluation.predictions import Prediction
from unigs.metrics.bootstrap.per_image import PerImage

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


def test_a_title_stands_before_the_prompt(tmp_path):
    plain = a_grid(tmp_path / "plain.png", [10])
    sample = a_sample(10)
    sample_grid(
        [sample], [Prediction(image=sample.image)], tmp_path / "grid.png", titles=["best: "]
    )
    with Image.open(tmp_path / "grid.png") as image:
        titled = np.asarray(image.convert("RGB"))
    changed = (titled != plain).any((1, 2)).nonzero()[0]
    assert changed.size
    assert TEXT <= changed.min() <= changed.max() < 2 * TEXT


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


def scores(**metrics):
    """Seven images; the third has nothing to score."""
    keys = tuple("abcdefg")
    parts = {
        name.replace("__", "."): np.array([(0, 0) if k == 2 else (v, 2) for k, v in enumerate(row)])
        for name, row in metrics.items()
    }
    return PerImage(keys, parts)


VALUES = (0.2, 1.0, 9.0, 0.6, 1.8, 0.6, 1.4)
CLIP = (2.0, 1.0, 9.0, 0.6, 0.2, 0.6, 1.4)


def test_best_median_and_worst_come_first():
    chosen = ranked(scores(recall_50=CLIP, miou=VALUES), list("abcdefg"))
    # in order: a .1, d .3, f .3, b .5, g .7, e .9
    assert list(chosen) == ["e", "f", "a", "g", "d"]
    assert list(chosen.values())[:2] == ["best of 6, miou 0.900: ", "median of 6, miou 0.300: "]


def test_an_evaluators_metric_decides_where_no_mask_is_predicted():
    assert next(iter(ranked(scores(clip=CLIP, miou__segmenter=VALUES), []))) == "e"
    assert next(iter(ranked(scores(clip=CLIP), []))) == "a"


def test_an_image_is_shown_once():
    one = PerImage(("a",), {"miou": np.array([(1.0, 2.0)])})
    assert ranked(one, ["a"]) == {"a": "best of 1, miou 0.500: "}


def test_without_scores_the_first_are_shown():
    keys = [str(number) for number in range(9)]
    assert ranked(PerImage((), {}), keys) == dict.fromkeys(keys[: len(PLACES)], "")
    assert ranked(PerImage(("a",), {"miou": np.zeros((1, 2))}), ["a"]) == {}
