"""The parts of a preset's model before training: autoencoder, text encoder and UNet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from unigs.config.preset import AutoencoderConfig, Preset, TextConfig
from unigs.models.autoencoder import latent_channels, load_autoencoder
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.models.text import build_text_encoder, load_text_encoder
from unigs.models.unet import build_unet, expand_unet, load_unet
from unigs.shards.build import read_samples


def make_autoencoder(wanted: AutoencoderConfig, shards: Sequence[Path]) -> Any:
    """The pretrained autoencoder, or principal components over the first images and colormaps of
    each folder of pixel shards."""
    if wanted.source is not None:
        return load_autoencoder(wanted.source)
    each = -(-wanted.fit_images // len(shards))
    pictures = [
        picture
        for folder in shards
        for sample in islice(read_samples(folder), each)
        for picture in (sample.image, sample.colormap)
    ]
    return PatchAutoencoder.fit(
        np.stack(pictures), wanted.patch_size, wanted.latent_channels, wanted.energy
    )


def make_text_encoder(
    wanted: TextConfig, class_names: Sequence[str]
) -> tuple[CLIPTokenizer, CLIPTextModel]:
    """The pretrained text encoder, or a frozen seeded one over the class names."""
    if wanted.source is not None:
        return load_text_encoder(wanted.source)
    return build_text_encoder(class_names, **wanted.model_dump(exclude={"source"}))


def fresh_unet(preset: Preset, autoencoder: Any) -> UNet2DConditionModel:
    """The UNet before its first step: from scratch, or grown from a Stable Diffusion checkpoint."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(preset.unet.seed)
        if preset.unet.source is not None:
            return expand_unet(load_unet(preset.unet.source))
        assert preset.unet.architecture is not None
        return build_unet(preset.unet.architecture, latent_channels(autoencoder))
