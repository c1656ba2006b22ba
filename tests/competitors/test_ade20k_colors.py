"""ADE20K's colour code, by the names that prompts use."""

import numpy as np
import pytest

from unigs.competitors.ade20k_colors import (
    coded_colormap,
    color_of,
    colors_by_name,
    without_color,
)


@pytest.mark.parametrize(
    ("name", "color"),
    [
        ("wall", (120, 120, 120)),
        ("sky", (6, 230, 230)),
        ("person", (150, 5, 61)),
        ("flag", (92, 0, 255)),
        # a synonym, and a name that prompts write in their own way
        ("couch", (11, 102, 255)),
        ("television", (0, 255, 194)),
        # the class of that name, not the one of which it is a synonym
        ("stool", (0, 214, 255)),
        ("screen", (0, 204, 255)),
        # the last word
        ("brick wall", (120, 120, 120)),
        ("dining table", (255, 6, 82)),
        # the whole name comes first
        ("traffic light", (41, 0, 255)),
        ("zebra", None),
    ],
)
def test_a_class_is_found_by_name_synonym_and_last_word(name, color):
    assert color_of(name) == color


def test_every_class_has_a_colour_of_its_own_but_for_roads_and_skyscrapers():
    assert len(set(colors_by_name().values())) == 149
    assert color_of("road") == color_of("skyscraper")


def test_a_layout_is_painted_by_class_and_black_elsewhere(drawn):
    (sample,) = drawn("synthesis", 1)
    painted = coded_colormap(sample)
    assert painted.shape == (*sample.segments.shape, 3)
    assert painted.dtype == np.uint8
    seen = set()
    for entity in sample.entities:
        colors = np.unique(painted[sample.segments == entity.id], axis=0)
        assert colors.tolist() == [list(color_of(entity.class_name) or (0, 0, 0))]
        seen.add(entity.class_name)
    assert not painted[sample.segments == 0].any()
    assert without_color(["sky", "zebra", "disc", "zebra"]) == ["disc", "zebra"]
    assert seen
