"""The pipeline with other schedulers, and with what diffusers can switch on."""

import shutil

import diffusers
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler

from tests.support.models.tiny_pipeline import (
    CHANNELS,
    PALETTE,
    SCHEDULE,
    SIZE,
    arguments,
    pictures,
    seeded,
    tiny_pipeline,
)
from unigs.models.autoencoder import encode_images
from unigs.models.colormap_latents import encode_colormaps
from unigs.pipeline import UniGSPipeline


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("DDIM", SCHEDULE),
        ("UniPCMultistep", {}),
        ("DDPM", {}),
        ("DPMSolverMultistep", {}),
        ("EulerAncestralDiscrete", {}),
        ("EulerDiscrete", {}),
        ("HeunDiscrete", {}),
        ("LCM", {}),
        ("PNDM", {"skip_prk_steps": True}),
    ],
)
def test_any_scheduler_of_diffusers(components, family, options):
    settings = {"prediction_type": "v_prediction"} | options
    scheduler = getattr(diffusers, f"{family}Scheduler")(**settings)
    made = UniGSPipeline(**components | {"scheduler": scheduler}, palette=PALETTE)
    made.set_progress_bar_config(disable=True)
    given = arguments("inpainting") | {"num_inference_steps": 3}
    first, again = (made(**given | {"generator": seeded(1, 2)}) for _ in range(2))
    assert np.array_equal(first.colormaps, again.colormaps)
    assert made(**given, clamp_known=True).colormaps.shape == (2, SIZE, SIZE, 3)


@pytest.fixture
def vae():
    """A random autoencoder that loses much."""
    return AutoencoderKL(
        block_out_channels=(8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        latent_channels=CHANNELS,
        norm_num_groups=8,
    ).eval()


def test_a_given_colormap_is_refined_as_those_of_training_were(components, vae, tmp_path):
    tiny_pipeline(components | {"vae": vae}, refine_steps=3).save_pretrained(tmp_path)
    made = UniGSPipeline.from_pretrained(tmp_path)
    made.set_progress_bar_config(disable=True)
    given = arguments("synthesis") | {"output_type": "latent", "clamp_known": True}
    maps = np.stack(pictures())
    expected = encode_colormaps(made.vae, maps, 3)
    assert torch.allclose(made(**given).colormaps, expected, atol=1e-5)
    assert not torch.allclose(expected, encode_images(made.vae, maps), atol=1e-3)


def test_diffusers_switches_do_not_change_the_prediction(components, vae):
    made = tiny_pipeline(components | {"vae": vae})
    given = arguments("inpainting") | {"output_type": "np"}
    plain = made(**given).images.astype(int)
    made.enable_attention_slicing()
    made.vae.enable_slicing()
    made.unet.to(memory_format=torch.channels_last)
    given["generator"] = seeded(1, 2)
    assert np.abs(made(**given).images.astype(int) - plain).max() <= 1
    made.unet.set_default_attn_processor()
    made.unet.to(memory_format=torch.contiguous_format)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("c++"), reason="needs a C++ compiler")
def test_a_compiled_unet_predicts_the_same_and_is_saved_as_it_was(pipeline, tmp_path):
    plain = pipeline(**arguments("inpainting"), output_type="latent")
    pipeline.unet = torch.compile(pipeline.unet)
    found = pipeline(**arguments("inpainting"), output_type="latent")
    for half in ("images", "colormaps"):
        assert torch.allclose(found[half], plain[half], atol=1e-3)
    pipeline.save_pretrained(tmp_path)
    again = UniGSPipeline.from_pretrained(tmp_path)
    assert torch.equal(again.unet.conv_in.weight, pipeline.unet.conv_in.weight)


def test_latents_are_never_clipped(components):
    clipping = DDIMScheduler(**SCHEDULE, clip_sample=True)
    made = UniGSPipeline(**components | {"scheduler": clipping}, palette=PALETTE)
    assert made.scheduler.config.clip_sample is False
    assert made.scheduler.config.prediction_type == "v_prediction"
