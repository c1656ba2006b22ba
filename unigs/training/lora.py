"""Low-rank adapters (LoRA) as the alternative to training the whole UNet."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from unigs.errors import ConfigError

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")


def add_adapters(unet: UNet2DConditionModel, rank: int, seed: int) -> None:
    """Freeze `unet` but for new adapters of its attention and what UniGS adds to Stable
    Diffusion: the first and last convolution, whose new channels start at zero, and the task
    embedding.

    Raises:
        ConfigError: peft is not installed.
    """
    try:
        from peft import LoraConfig
    except ImportError as error:
        raise ConfigError(
            "training.lora_rank: peft is not installed", hint="pip install 'unigs[lora]'"
        ) from error
    unet.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=list(ATTENTION)))
    whole: list[Any] = [unet.conv_in, unet.conv_out, unet.class_embedding]
    for module in whole:
        if module is not None:
            module.requires_grad_(True)


def merge_adapters(unet: UNet2DConditionModel) -> None:
    """Add the adapters to the weights they adapt: a plain UNet, that loads without peft."""
    unet.fuse_lora()
    unet.unload_lora()
    unet.requires_grad_(True)
