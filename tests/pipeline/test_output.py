"""A prediction in the common formats: COCO results, COCO panoptic, a drawing."""

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as rle_codec

from unigs.errors import ConfigError
from unigs.pipeline.output import UniGSOutput, describe_entities

SEGMENTS = np.zeros((8, 12), np.int64)
SEGMENTS[1:4, 2:7] = 3
SEGMENTS[4:8, 0:12] = 7
COLORS = {1: (0, 64, 128), 2: (255, 0, 64)}


@pytest.fixture
def output():
    scores, names = np.linspace(0, 1, 7), [None, None, "dog", None, None, None, "sky"]
    one, entities = describe_entities(SEGMENTS, scores, names)
    nothing, nobody = describe_entities(0 * SEGMENTS, np.zeros(0), [])
    colormaps = np.zeros((2, 8, 12, 3), np.uint8)
    for label, color in COLORS.items():
        colormaps[0][one == label] = color
    images = [Image.new("RGB", (12, 8), (100, 100, 100))] * 2
    return UniGSOutput(images, colormaps, np.stack([one, nothing]), [entities, nobody])


def test_labels_are_numbered_anew_larger_first(output):
    first, second = output.entities[0]
    assert (first.id, first.class_name, first.score, first.area) == (1, "sky", 1.0, 48)
    assert (second.id, second.class_name, second.area) == (2, "dog", 15)
    assert second.bbox == (2, 1, 5, 3)
    assert np.array_equal(second.mask(), SEGMENTS == 3)
    assert json.loads(json.dumps(second.to_dict()))["bbox"] == [2, 1, 5, 3]


def test_coco_results_hold_every_entity_of_every_image(output):
    rows = output.to_coco([31, "b"], {"dog": 18})
    assert [(row["image_id"], row["category_id"]) for row in rows] == [(31, 1), (31, 18)]
    assert rows[1]["bbox"] == [2.0, 1.0, 5.0, 3.0]
    assert rows[1]["score"] == pytest.approx(1 / 3)
    assert np.array_equal(rle_codec.decode(rows[1]["segmentation"]), SEGMENTS == 3)
    assert [row["image_id"] for row in output.to_coco()] == [1, 1]
    assert json.loads(json.dumps(rows)) == rows


def test_panoptic_images_hold_the_ids_of_their_records(output):
    pictures, records = output.to_panoptic([5, 6], {"sky": 40})
    assert [record["file_name"] for record in records] == ["5.png", "6.png"]
    ids = np.asarray(pictures[0]).astype(int) @ [1, 256, 65536]
    assert np.array_equal(ids, output.segments[0])
    assert [(s["id"], s["category_id"], s["area"]) for s in records[0]["segments_info"]] == [
        (1, 40, 48),
        (2, 1, 15),
    ]
    assert not np.asarray(pictures[1]).any()
    assert records[1]["segments_info"] == []


def test_ids_beyond_a_byte_go_on_in_the_next_channel():
    many = np.arange(300).repeat(2)[:, None] + 1
    segments, entities = describe_entities(many, np.ones(300), [None] * 300)
    output = UniGSOutput([None], np.zeros((1, 600, 1, 3), np.uint8), segments[None], [entities])
    (picture,), _ = output.to_panoptic()
    assert np.array_equal(np.asarray(picture).astype(int) @ [1, 256, 65536], segments)


def test_a_drawing_tints_and_outlines_entities_and_leaves_the_rest(output):
    drawn, plain = (np.asarray(picture) for picture in output.draw(opacity=0.5))
    assert (plain == 100).all()
    assert (drawn[SEGMENTS == 0] == 100).all()
    assert (drawn[1, 2:7] == 255).all()
    inner = drawn[2, 4].astype(float)
    assert np.abs(inner - (100 + np.array(COLORS[2])) / 2).max() <= 0.5


def test_latents_have_no_entities():
    output = UniGSOutput(np.zeros((1, 4, 2, 2)), np.zeros((1, 4, 2, 2)))
    for call in (output.to_coco, output.to_panoptic, output.draw):
        with pytest.raises(ValueError, match='"latent" has no entities'):
            call()


def test_it_prints_what_was_found(output):
    lines = repr(output).splitlines()
    assert lines[0] == "image 1, 12x8: 2 entities"
    assert lines[2] == "  2 dog: score 0.33, 15 pixels in 5x3 at (2, 1)"
    assert lines[3] == "image 2, 12x8: 0 entities"
    output.entities[0] = output.entities[0] * 20
    assert "  and 30 more" in repr(output)


def test_an_entity_prints_without_its_run_lengths(output):
    shown = repr(output.entities[0][1])
    assert shown == "EntityPrediction(2 dog: score 0.33, 15 pixels in 5x3 at (2, 1))"


def test_a_notebook_shows_the_overlay(output):
    shown = output._repr_html_()
    assert shown.count("<figure>") == 2
    picture = base64.b64decode(re.search(r"base64,([^\"]+)", shown)[1])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture))), np.asarray(output.draw()[0]))
    output.entities[0] = [replace(output.entities[0][0], class_name="<b>")]
    assert "<b>" not in output._repr_html_()


def test_latents_print_too():
    latents = UniGSOutput(np.zeros((1, 4, 2, 2)), np.zeros((1, 4, 2, 2)))
    assert repr(latents) == "UniGSOutput(latents of shape (1, 4, 2, 2))"
    assert "latents" in latents._repr_html_()


def test_ids_of_other_images_are_told(output):
    with pytest.raises(ConfigError, match="image_ids: 5 for 2 images"):
        output.to_coco(range(5))
