import json

import pytest
import torch
from diffusers import UNet2DConditionModel, UNet2DModel

from unigs.errors import ModelError
from unigs.models.unet import (
    ARCHITECTURES,
    build_unet,
    expand_unet,
    join_inputs,
    load_unet,
    unet_latent_channels,
)
from unigs.tasks import TASKS

# The family of Stable Diffusion at a thousandth of its size.
SMALL = {
    "sample_size": 8,
    "block_out_channels": (16, 32, 32, 32),
    "down_block_types": (*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
    "up_block_types": ("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "cross_attention_dim": 24,
    "attention_head_dim": 4,
}


def source_unet(channels, count=4, **changes):
    torch.manual_seed(0)
    options = {**SMALL, **changes}
    return UNet2DConditionModel(**options, in_channels=channels, out_channels=count).eval()


def parameters(unet):
    return sum(parameter.numel() for parameter in unet.parameters())


def test_parameter_counts_of_table_10():
    with torch.device("meta"):
        plain, inpainting = _full_size(4), _full_size(9)
        assert parameters(plain) == 859_520_964
        assert parameters(inpainting) == 859_535_364
        assert parameters(build_unet("sd15", tasks=False)) == 859_558_408
        assert parameters(expand_unet(plain, tasks=False)) == 859_558_408
        assert parameters(expand_unet(inpainting, tasks=True)) == 859_563_528


def _full_size(channels):
    return UNet2DConditionModel(**ARCHITECTURES["sd15"], in_channels=channels, out_channels=4)


def _first_outputs(source, grown, inpainting, tasks, dtype):
    """What the source predicts, and what it has grown into, of the same random latents."""
    count = source.config.out_channels
    source, grown = source.to(dtype), grown.to(dtype)
    generator = torch.Generator().manual_seed(1)
    image, colormap, control = torch.randn(3, 4, count, 16, 16, generator=generator, dtype=dtype)
    coarse = (torch.rand(4, 1, 16, 16, generator=generator) < 0.5).to(dtype)
    text = torch.randn(4, 7, 24, generator=generator, dtype=dtype)
    steps = torch.tensor([0, 250, 700, 999])
    seen = torch.cat([image, coarse, control], 1) if inpainting else image
    labels = torch.arange(4) if tasks else None
    with torch.no_grad():
        expected = source(seen, steps, text).sample
        inputs = join_inputs(image, colormap, coarse, control)
        return expected, grown(inputs, steps, text, class_labels=labels).sample


@pytest.mark.parametrize("tasks", [True, False])
@pytest.mark.parametrize("inpainting", [True, False])
@pytest.mark.parametrize("count", [4, 6])
def test_step_0_repeats_the_source(inpainting, tasks, count):
    source = source_unet(2 * count + 1 if inpainting else count, count)
    grown = expand_unet(source, tasks=tasks).eval()
    expected, output = _first_outputs(source, grown, inpainting, tasks, torch.float32)
    # The first convolution adds up (3C + 1) * 9 products, those of new channels zero, in an order
    # that is up to the processor's kernel; so is that of the last one's sums.
    terms = grown.conv_in.weight[0].numel()
    rounding = terms * torch.finfo(torch.float32).eps * expected.abs().max()
    assert (output[:, :count] - expected).abs().max() <= rounding
    assert (output[:, count:] == 0).all()
    expected, output = _first_outputs(source, grown, inpainting, tasks, torch.float64)
    assert (output[:, :count] - expected).abs().max() <= 1e-12
    assert (output[:, count:] == 0).all()


@pytest.mark.parametrize("inpainting", [True, False])
def test_grown_weights_are_the_source_exactly_and_zero_elsewhere(inpainting):
    source = source_unet(9 if inpainting else 4)
    grown = expand_unet(source)
    # Eq. 8: image, colormap, coarse mask, control. SD inpainting: image, mask, masked image.
    places = [*range(4), 8, *range(9, 13)] if inpainting else [*range(4)]
    new = [channel for channel in range(13) if channel not in places]
    assert torch.equal(grown.conv_in.weight[:, places], source.conv_in.weight)
    assert (grown.conv_in.weight[:, new] == 0).all()
    assert torch.equal(grown.conv_out.weight[:4], source.conv_out.weight)
    assert torch.equal(grown.conv_out.bias[:4], source.conv_out.bias)
    assert (grown.conv_out.weight[4:] == 0).all()
    assert (grown.conv_out.bias[4:] == 0).all()
    rest = {"conv_in.weight", "conv_out.weight", "conv_out.bias"}
    theirs = source.state_dict()
    assert all(
        torch.equal(value, theirs[name])
        for name, value in grown.state_dict().items()
        if name in theirs and name not in rest
    )


def test_growing_leaves_the_source_alone_and_can_be_trained():
    source = source_unet(9)
    before = {name: tensor.clone() for name, tensor in source.state_dict().items()}
    grown = expand_unet(source)
    output = grown(torch.randn(1, 13, 8, 8), 500, torch.randn(1, 7, 24), torch.tensor([1])).sample
    output.square().mean().add(output.mean()).backward()
    assert all(p.grad is not None for p in grown.parameters())
    assert grown.conv_in.weight.grad[:, 4:8].abs().sum() > 0
    assert grown.conv_out.weight.grad[4:].abs().sum() > 0
    after = source.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_the_task_embedding_starts_at_zero_and_changes_the_output_once_learned():
    torch.manual_seed(0)
    unet = build_unet(SMALL, latent_channels=3).eval()
    assert unet.class_embedding.weight.shape == (len(TASKS), 64)
    assert (unet.class_embedding.weight == 0).all()
    inputs = (torch.randn(2, 10, 8, 8), 10, torch.randn(2, 5, 24))

    def difference():
        first, second = torch.tensor([0, 0]), torch.tensor([3, 1])
        return (unet(*inputs, first).sample - unet(*inputs, second).sample).abs().max()

    with torch.no_grad():
        assert difference() == 0
        unet.class_embedding.weight.normal_()
        assert difference() > 0


def test_prediction_stays_finite_and_shapes_follow_the_autoencoder():
    unet = build_unet(SMALL, latent_channels=12)
    assert unet_latent_channels(unet) == 12
    output = unet(torch.randn(2, 37, 8, 16), 999, torch.randn(2, 5, 24), torch.tensor([0, 3]))
    assert output.sample.shape == (2, 24, 8, 16)
    assert torch.isfinite(output.sample).all()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda: source_unet(8), "8 channels in and 4 out.*4 .*or 9"),
        (lambda: source_unet(13, 8), "13 channels in"),
        (lambda: UNet2DModel(block_out_channels=(32,), down_block_types=("DownBlock2D",),
                             up_block_types=("UpBlock2D",)), "UNet2DModel"),
        (lambda: source_unet(9, num_class_embeds=3), "num_class_embeds"),
        (
            lambda: source_unet(
                4, addition_embed_type="text_time", addition_time_embed_dim=4,
                projection_class_embeddings_input_dim=16,
            ),
            "addition_embed_type",
        ),
    ],
)  # fmt: skip
def test_other_unets_are_refused(source, message):
    with pytest.raises(ModelError, match=message):
        expand_unet(source())


def test_a_plain_unet_is_not_taken_for_ours():
    with pytest.raises(ModelError, match="expand_unet"):
        unet_latent_channels(source_unet(9))
    with pytest.raises(ModelError, match="sd15, sd21"):
        build_unet("sd3")
    with pytest.raises(ModelError, match="no_such_argument"):
        build_unet({"no_such_argument": 1})


@pytest.mark.parametrize("variant", [None, "fp16"])
def test_loads_from_a_pipeline_directory(tmp_path, variant):
    source = source_unet(9)
    source.save_pretrained(tmp_path / "unet", variant=variant)
    loaded = load_unet(tmp_path)
    assert torch.equal(loaded.conv_in.weight, source.conv_in.weight)


def test_pickles_and_other_families_are_refused(tmp_path):
    source_unet(9).save_pretrained(tmp_path / "unet", safe_serialization=False)
    with pytest.raises(ModelError, match=r"pickle.*safe_serialization=True"):
        load_unet(tmp_path)
    (tmp_path / "unet" / "config.json").write_text(json.dumps({"_class_name": "UNet2DModel"}))
    with pytest.raises(ModelError, match="UNet2DModel"):
        load_unet(tmp_path)
