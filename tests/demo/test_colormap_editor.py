"""What the colormap editor sends and is given."""

import base64

import numpy as np
import pytest

from tests.support.models.tiny_pipeline import PALETTE, pictures
from unigs.colormap import Palette

pytest.importorskip("gradio")

from unigs.demo.colormap_editor import (
    MOST,
    SIDE,
    Drawn,
    colormap_editor,
    drawn,
    enlarged,
    to_editor,
)
from unigs.errors import ConfigError


def sent(labels, names):
    height, width = np.shape(labels)
    text = base64.b64encode(np.array(labels, np.uint8).tobytes()).decode()
    return {"width": width, "height": height, "labels": text, "names": names}


def test_what_is_sent_are_labels_with_names():
    found = drawn(sent([[0, 2, 2], [0, 1, 0]], ["dog", " cat ", "bird"]))
    assert found.labels.dtype == np.int32
    assert found.labels.tolist() == [[0, 2, 2], [0, 1, 0]]
    assert found.names == ("dog", "cat", "bird")
    # the bird is hidden
    assert found.given_names == ["dog", "cat"]
    assert Drawn(np.ones((2, 2), np.int32), ("",)).given_names == []


@pytest.mark.parametrize(
    "change",
    [
        {"labels": "?"}, {"labels": None}, {"width": 9}, {"height": "tall"}, {"names": None},
        {"names": []}, {"width": 10**6}, {"height": -1}, {"width": float("inf")},
        {"width": 0, "height": 0, "labels": ""},
    ],
)  # fmt: skip
def test_anything_else_is_a_sentence(change):
    with pytest.raises(ConfigError, match=r"did not arrive \(load the page again\)"):
        drawn(sent([[0, 1]], ["dog"]) | change)


def test_no_drawing_is_larger_than_the_editor():
    with pytest.raises(ConfigError):
        drawn(sent(np.zeros((1, SIDE + 1)), []))


def test_a_loaded_colormap_comes_back_as_its_entities():
    palette = Palette.from_name(PALETTE)
    value = to_editor(pictures(1, 40, 60)[0], palette)
    found = drawn(value)
    assert found.labels.shape == (40, 60)
    assert len(found.names) == found.labels.max() == 4
    large = to_editor(pictures(1, 300, 600)[0], palette)
    assert (large["height"], large["width"]) == (SIDE // 2, SIDE)
    assert set(np.unique(drawn(large).labels)) == {1, 2, 3, 4}
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    assert drawn(to_editor(noise, palette)).labels.max() <= MOST


def test_labels_are_enlarged_without_mixed_ones():
    labels = np.array([[1, 3], [0, 2]], np.int32)
    large = enlarged(labels, (8, 6))
    assert large.shape == (8, 6)
    assert set(np.unique(large)) == {0, 1, 2, 3}
    assert np.array_equal(large[::4, ::3], labels)


def test_the_empty_editor_knows_the_palette():
    editor = colormap_editor(Palette(3), 512, ["dog"], "canvas-synthesis")
    assert editor.props["width"] == editor.props["height"] == SIDE
    assert len(editor.props["colors"]) == editor.props["grid"] ** 2 == 9
    assert '<option value="dog">' in editor.html_template
