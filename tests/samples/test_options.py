"""Options of samples that cannot be are told when they are made, by their name."""

import pytest

from unigs.colormap import Palette
from unigs.errors import ConfigError
from unigs.samples.options import SampleOptions


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("negative_probability", 2),
        ("all_negative", float("nan")),
        ("flip_probability", -1),
        ("color_jitter", 3),
        ("min_area", 5),
        ("inside", 2),
        ("curve_probability", -0.1),
        ("extension", -1),
        ("crop_scale", (0, 0)),
        ("crop_scale", (0.9, 0.5)),
        ("crop_scale", (1, 3)),
        ("crop_scale", (0.5,)),
        ("crop_scale", None),
        ("curve_share", (3, -1)),
        ("flip_probability", "a"),
        ("class_names", "dog"),
    ],
)
def test_a_value_that_cannot_be_is_named(name, value):
    with pytest.raises(ConfigError, match=name):
        SampleOptions(Palette(), **{name: value})
