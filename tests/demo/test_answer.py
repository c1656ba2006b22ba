"""What the page shows of a run, for every task, and what it says when something is missing."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.models.tiny_pipeline import SIZE, pictures, tiny_pipeline
from unigs.demo.answer import COLUMNS, MOST_SHOWN, TabInput, answer
from unigs.demo.canvas import SHOWN_SIDE, stroke_layer
from unigs.demo.colormap_editor import Drawn
from unigs.errors import ConfigError, UnigsError


@pytest.fixture(scope="module")
def model():
    return tiny_pipeline(size=SIZE)


def strokes():
    mask = np.zeros((SIZE, SIZE), bool)
    mask[4:24, 4:24] = True
    return mask, [stroke_layer(mask)]


def request(task, **changes):
    given = {"picture": pictures(1)[0], "layers": strokes()[1], "names": "dog", "steps": 1}
    return TabInput(task, **given | changes)


@pytest.mark.parametrize("task", ["inpainting", "synthesis", "referring", "entity"])
def test_every_task_is_answered_as_large_as_it_was_asked(model, task, tmp_path):
    steps = []
    asked = request(task)
    found = answer(model, asked, tmp_path, lambda step: steps.append((step.number, step.total)))
    assert found.image.size == found.colormap.size == found.base.size == (SHOWN_SIDE, SHOWN_SIDE)
    assert steps == [(1, 1)]
    assert len(found.masks) == len(found.entities) == min(len(found.rows), MOST_SHOWN)
    assert all(len(row) == len(COLUMNS) for row in found.rows)
    for (mask, label, color), row in zip(found.entities, found.rows, strict=False):
        assert mask.shape == (SHOWN_SIDE, SHOWN_SIDE)
        assert set(np.unique(mask)) <= {0.0, 1.0}
        assert label.startswith(f"{row[0]} ")
        assert len(color) == 7
    if task in ("referring", "entity"):
        assert np.array_equal(found.picture, pictures(1)[0])
    if task == "inpainting":
        assert np.array_equal(found.picture[:4], pictures(1)[0][:4])


def test_what_can_be_downloaded(model, tmp_path):
    found = answer(model, request("entity"), tmp_path)
    names = [Path(file).name for file in found.files]
    assert names == [
        "coco.json", "colormap.png", "image.png", "overlay.png", "panoptic.json", "panoptic.png",
    ]  # fmt: skip
    files = dict(zip(names, found.files, strict=True))
    results = json.loads(Path(files["coco.json"]).read_text())
    assert [one["area"] for one in results] == [row[3] for row in found.rows]
    red, green, _ = np.moveaxis(np.asarray(Image.open(files["panoptic.png"]), np.int32), 2, 0)
    segments = json.loads(Path(files["panoptic.json"]).read_text())["annotations"][0]
    ids = {one["id"] for one in segments["segments_info"]}
    assert ids == set(np.unique(red + 256 * green).tolist()) - {0}


def sketch(*names):
    labels = np.zeros((64, 64), np.int32)
    labels[8:40, 8:40] = len(names)
    return Drawn(labels, names)


def test_entities_that_are_drawn_become_colours_of_the_palette(model, tmp_path):
    drawn = answer(model, request("synthesis", picture=None, drawn=sketch("")), tmp_path)
    assert len(drawn.rows) >= 1
    over = answer(model, request("synthesis", drawn=sketch("")), tmp_path)
    loaded = answer(model, request("synthesis"), tmp_path)
    assert not np.array_equal(np.asarray(over.image), np.asarray(loaded.image))


def test_classes_of_what_is_seen_in_the_drawing_are_named(model, tmp_path):
    hidden = sketch("dogg", "cat")
    assert answer(model, request("synthesis", drawn=hidden, names=""), tmp_path).warnings == []
    (warning,) = answer(
        model, request("synthesis", drawn=sketch("dogg"), names="cat"), tmp_path
    ).warnings
    assert "did you mean dog?" in warning
    with pytest.raises(ConfigError, match="no class names"):
        answer(model, request("synthesis", drawn=sketch(""), names=""), tmp_path)


@pytest.mark.parametrize(
    ("task", "changes", "said"),
    [
        ("entity", {"picture": None}, "no picture"),
        ("referring", {"layers": []}, "nothing is painted"),
        ("synthesis", {"picture": None}, "nothing is painted"),
        ("synthesis", {"drawn": Drawn(np.zeros((8, 8), np.int32), ())}, "nothing is painted"),
        ("referring", {"names": " , "}, "no class names"),
        ("inpainting", {"names": None}, "no class names"),
        ("entity", {"seed": None}, "seed: empty"),
        ("entity", {"seed": 1e30}, "seed"),
        ("entity", {"steps": 1.5}, r"num_inference_steps 1\.5"),
        ("entity", {"steps": 5000}, "num_inference_steps 5000"),
        ("entity", {"decoder": "magic"}, "decoder 'magic'"),
    ],
)
def test_what_is_missing_is_told(model, tmp_path, task, changes, said):
    with pytest.raises(UnigsError, match=said):
        answer(model, request(task, **changes), tmp_path)


def test_an_unknown_class_is_warned_of(model, tmp_path):
    assert answer(model, request("referring"), tmp_path).warnings == []
    (warning,) = answer(model, request("referring", names="dogg"), tmp_path).warnings
    assert "did you mean dog?" in warning


def test_emptied_fields_are_the_models_own(model, tmp_path):
    emptied = answer(model, request("entity", steps=None, guidance=None, decoder=None), tmp_path)
    own = answer(model, request("entity", steps=0), tmp_path)
    assert np.array_equal(np.asarray(emptied.image), np.asarray(own.image))
    chosen = answer(model, request("entity", decoder="nearest"), tmp_path)
    assert chosen.rows


def test_one_pixel_is_answered(model, tmp_path):
    found = answer(model, request("entity", picture=np.zeros((1, 1, 3), np.uint8)), tmp_path)
    assert found.picture.shape == (1, 1, 3)


def test_a_request_without_a_task_of_the_model(model, tmp_path):
    with pytest.raises(ConfigError, match="unknown task"):
        answer(model, request("paint"), tmp_path)
