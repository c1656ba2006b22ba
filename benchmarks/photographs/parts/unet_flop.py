"""The operations of a preset's training on latents of a pretrained autoencoder."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor
from torch.utils.flop_counter import FlopCounterMode

from unigs.config.preset import Preset
from unigs.io.machine import machine
from unigs.models.autoencoder import latent_channels, vae_scale_factor
from unigs.models.components import fresh_unet
from unigs.models.noise_schedule import build_scheduler
from unigs.training.batch_errors import batch_errors


def training_flop(preset: Preset, autoencoder: Any) -> float:
    """Return the operations of one sample's forward and backward pass."""
    unet = fresh_unet(preset, autoencoder)
    # The counter sees nothing of the fused kernel.
    unet.set_attn_processor(AttnProcessor())
    channels = latent_channels(autoencoder)
    side = preset.data.size // vae_scale_factor(autoencoder)
    latent, plane = torch.zeros(1, channels, side, side), torch.ones(1, 1, side, side)
    batch = {
        **dict.fromkeys(("image", "colormap", "control"), latent),
        **dict.fromkeys(("coarse", "valid", "balance"), plane),
        "text": torch.zeros(1, preset.text.max_length, unet.config["cross_attention_dim"]),
        "task": torch.zeros(1, dtype=torch.int64),
    }
    scheduler = build_scheduler(preset.diffusion)
    timesteps = torch.tensor([scheduler.config["num_train_timesteps"] - 1])
    training = preset.training.model_copy(update={"precision": "fp32"})
    device = torch.device("cpu")
    machine(device)
    with FlopCounterMode(display=False) as counter:
        noise = torch.zeros(1, 2 * channels, side, side)
        batch_errors(unet, scheduler, training, batch, timesteps, noise, device).mean().backward()
    return float(counter.get_total_flops())
