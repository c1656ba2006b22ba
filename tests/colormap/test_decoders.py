"""What every decoder takes, and the line that names what it does not take."""

import numpy as np
import pytest

from unigs.colormap import DECODERS, Palette, decode

PALETTE = Palette()
COLORMAP = PALETTE.encode(np.kron([[0, 1], [2, 3]], np.ones((8, 8), int)))
GUIDED = ("nearest", "regions", "best")


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(
    ("colormap", "message"),
    [
        (COLORMAP / 255, "a colormap must be uint8, not float64"),
        (COLORMAP.astype(int), "a colormap must be uint8, not int64"),
        (COLORMAP[..., 0], r"a colormap must have the shape \(h, w, 3\), not \(16, 16\)"),
        (COLORMAP[None], r"a colormap must have the shape .*, not \(1, 16, 16, 3\)"),
    ],
    ids=["float", "int", "grey", "batch"],
)
def test_what_is_no_colormap_is_told(decoder, colormap, message):
    with pytest.raises(ValueError, match=message):
        decode(colormap, decoder, PALETTE)


@pytest.mark.parametrize("decoder", GUIDED)
@pytest.mark.parametrize(
    ("image", "message"),
    [
        (COLORMAP / 255, "an image must be uint8, not float64"),
        (COLORMAP[..., 0], r"an image must have the shape .*, not \(16, 16\)"),
        (COLORMAP[:8], r"an image \(8, 16, 3\)"),
    ],
    ids=["float", "grey", "size"],
)
def test_what_is_no_image_is_told(decoder, image, message):
    with pytest.raises(ValueError, match=message):
        decode(COLORMAP, decoder, PALETTE, image=image)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("shape", [(0, 0, 3), (0, 5, 3), (5, 0, 3)])
def test_a_colormap_without_pixels_has_no_entities(decoder, shape):
    found = decode(np.zeros(shape, np.uint8), decoder, PALETTE)
    assert found.segments.shape == shape[:2]
    assert found.scores.shape == (0,)
