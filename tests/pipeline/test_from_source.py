"""Stable Diffusion in, UniGS out: a checkpoint of the family at a thousandth of its size."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from tests.support.models.tiny_unet import tiny_architecture
from unigs.errors import ModelError
from unigs.models.text import save_text_encoder
from unigs.models.tokenizer import build_tokenizer
from unigs.pipeline import UniGSPipeline


def write_checkpoint(folder, channels, prediction="epsilon"):
    torch.manual_seed(0)
    AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
        scaling_factor=0.18215,
    ).save_pretrained(folder / "vae")
    UNet2DConditionModel(
        in_channels=channels, out_channels=4, **tiny_architecture((16, 32), head=8, groups=8)
    ).save_pretrained(folder / "unet")
    tokenizer = build_tokenizer(["dog"], max_length=77)
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=77,
    )
    save_text_encoder(folder, tokenizer, CLIPTextModel(config))
    PNDMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        steps_offset=1,
        skip_prk_steps=True,
        prediction_type=prediction,
    ).save_pretrained(folder / "scheduler")


@pytest.mark.parametrize(
    ("channels", "prediction"), [(4, "epsilon"), (9, "epsilon"), (4, "v_prediction")]
)
def test_a_checkpoint_goes_in_and_the_tasks_come_out(tmp_path, channels, prediction):
    write_checkpoint(tmp_path / "sd", channels, prediction)
    pipeline = UniGSPipeline.from_stable_diffusion(
        tmp_path / "sd", palette="smooth-3-v1", decoder="pdm"
    )
    pipeline.set_progress_bar_config(disable=True)
    assert pipeline.scheduler.config.prediction_type == prediction
    assert pipeline.scheduler.config.steps_offset == 1
    assert pipeline.scheduler.config.clip_sample is False
    assert pipeline.unet.config.in_channels == 13
    mask = np.zeros((16, 24), bool)
    mask[4:12, 4:12] = True
    output = pipeline(
        "inpainting",
        image=np.full((16, 24, 3), 90, np.uint8),
        coarse_mask=mask,
        names=["dog"],
        num_inference_steps=2,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(0),
    )
    assert output.images[0].size == (24, 16)
    pipeline.save_pretrained(tmp_path / "unigs")
    again = UniGSPipeline.from_pretrained(tmp_path / "unigs")
    assert torch.equal(again.unet.conv_in.weight, pipeline.unet.conv_in.weight)


def test_a_checkpoint_that_was_not_grown_is_no_unigs_model(tmp_path):
    write_checkpoint(tmp_path, 9)
    (tmp_path / "model_index.json").write_text(
        '{"_class_name": "StableDiffusionInpaintPipeline", "_diffusers_version": "0.42.1",'
        ' "vae": ["diffusers", "AutoencoderKL"], "unet": ["diffusers", "UNet2DConditionModel"],'
        ' "text_encoder": ["transformers", "CLIPTextModel"],'
        ' "tokenizer": ["transformers", "CLIPTokenizer"],'
        ' "scheduler": ["diffusers", "PNDMScheduler"]}'
    )
    with pytest.raises(ModelError, match="expand_unet"):
        UniGSPipeline.from_pretrained(tmp_path)


def test_a_missing_autoencoder_is_named(tmp_path):
    write_checkpoint(tmp_path, 9)
    (tmp_path / "vae" / "config.json").unlink()
    with pytest.raises(ModelError, match="vae"):
        UniGSPipeline.from_stable_diffusion(tmp_path)
