import pytest
import torch

from tests.tiny_pipeline import CHANNELS, components
from unigs.export import export_unet


@pytest.mark.slow
def test_the_program_gives_what_the_unet_gives(tmp_path):
    unet = components()["unet"]
    assert export_unet(unet, tmp_path / "unet.pt2", 8, 8, tokens=32, batch=2) < 1e-5
    program = torch.export.load(tmp_path / "unet.pt2").module()
    inputs = torch.randn(2, 3 * CHANNELS + 1, 8, 8)
    given = (inputs, torch.tensor([999, 3]), torch.randn(2, 32, 32), torch.tensor([2, 0]))
    with torch.no_grad():
        expected = unet(*given[:3], class_labels=given[3]).sample
        assert torch.allclose(program(*given), expected, atol=1e-5)
