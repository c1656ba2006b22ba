"""The restorer's network: copies pixels, any size that is a multiple, alike everywhere."""

import pytest
import torch

from unigs.colormap.restorer.network import MULTIPLE, STEP, TAPS, Restorer


@pytest.fixture
def images():
    return torch.rand(2, 3, 40, 24, generator=torch.Generator().manual_seed(0))


def test_a_new_restorer_changes_nearly_nothing(images):
    torch.manual_seed(0)
    with torch.inference_mode():
        assert (Restorer()(images) - images).abs().max() < 0.15


@pytest.mark.parametrize(("tap", "row", "column"), [(0, -2, -2), (7, -1, 0), (TAPS - 1, 2, 2)])
def test_a_tap_is_the_pixel_at_its_place(images, tap, row, column):
    torch.manual_seed(0)
    restorer = Restorer()
    bias = restorer.leave.bias.data.view(-1, 4)
    bias[:TAPS] = -50.0
    bias[tap] = 50.0
    with torch.inference_mode():
        found = restorer(images)
    edge = 2 * STEP
    there = images.roll((-STEP * row, -STEP * column), (2, 3))
    inside = (slice(None), slice(None), slice(edge, -edge), slice(edge, -edge))
    assert torch.allclose(found[inside], there[inside], atol=1e-5)


def test_what_is_moved_by_a_multiple_is_restored_alike():
    torch.manual_seed(0)
    restorer = Restorer()
    restorer.leave.weight.data.normal_(0, 0.05)
    wide = torch.rand(1, 3, 64, 160 + MULTIPLE)
    with torch.inference_mode():
        left, right = restorer(wide[..., :160]), restorer(wide[..., MULTIPLE:])
    # The network sees some 50 pixels around.
    assert torch.allclose(left[..., 72:88], right[..., 64:80], atol=1e-5)
