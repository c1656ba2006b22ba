"""Assemble the pipeline of a trained UNet from its preset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from unigs.config.preset import Preset
from unigs.models.noise_schedule import build_scheduler
from unigs.pipeline.pipeline import UniGSPipeline


def assemble(
    preset: Preset,
    unet: UNet2DConditionModel,
    autoencoder: Any,
    tokenizer: CLIPTokenizer,
    text_encoder: CLIPTextModel,
    tasks: Sequence[str],
) -> UniGSPipeline:
    """Return the pipeline around a UNet, with the preset's codec and defaults of inference."""
    return UniGSPipeline(
        vae=autoencoder,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=build_scheduler(preset.diffusion),
        palette=preset.codec.palette,
        decoder=preset.codec.decoder,
        decoder_options=dict(preset.codec.options),
        refine_steps=preset.codec.refine_steps,
        steps=dict(preset.inference.steps),
        guidance=dict(preset.inference.guidance),
        tasks=list(tasks),
        zero_initial_noise=list(preset.diffusion.zero_initial_noise),
        size=preset.data.size,
    )
