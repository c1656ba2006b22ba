"""Without its colormap half a UNet is one with fewer channels, and stays so in training."""

import torch

from tests.support.models.tiny_stream import CHANNELS, RandomStream, tiny_unet
from tests.training.test_loop import DIFFUSION, training
from unigs.models.unet import without_colormap_half
from unigs.training.loop import train


def outputs(unet, colormap):
    generator = torch.Generator().manual_seed(0)
    config = unet.config
    inputs = torch.randn(2, config["in_channels"], 8, 8, generator=generator)
    inputs[:, CHANNELS : 2 * CHANNELS] = colormap
    text = torch.randn(2, 3, config["cross_attention_dim"], generator=generator)
    with torch.no_grad():
        return unet(inputs, torch.tensor(3), text, class_labels=torch.tensor([0, 1])).sample


def test_the_image_half_sees_no_colormap_and_the_other_is_zero():
    unet = tiny_unet()
    assert not torch.equal(outputs(unet, 0.0), outputs(unet, 1.0))
    without_colormap_half(unet)
    assert torch.equal(outputs(unet, 0.0), outputs(unet, 1.0))
    assert not outputs(unet, 0.0)[:, CHANNELS:].any()
    assert outputs(unet, 0.0)[:, :CHANNELS].any()


def test_training_leaves_the_colormap_half_alone(tmp_path):
    unet = without_colormap_half(tiny_unet())
    before = unet.conv_in.weight.clone()
    changes = training(colormap_half=False, optimizer="muon", steps=4)
    train(unet, RandomStream(), changes, DIFFUSION, tmp_path)
    half = slice(CHANNELS, 2 * CHANNELS)
    assert not unet.conv_in.weight[:, half].any()
    assert not unet.conv_out.weight[CHANNELS:].any()
    assert not unet.conv_out.bias[CHANNELS:].any()
    assert not torch.equal(unet.conv_in.weight, before)
