"""The components of a preset's model before training: autoencoder, text encoder and UNet."""

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
from unigs.models.text import build_text_encoder, load_text_encoder, longest_prompt, require_room
from unigs.models.tokenizer import build_tokenizer
from unigs.models.unet import build_unet, expand_unet, load_unet, without_colormap_half
from unigs.shards.read import read_samples


def make_autoencoder(wanted: AutoencoderConfig, shards: Sequence[Path]) -> Any:
    """Return the pretrained autoencoder, or principal components over the first images and
    colormaps of each folder of pixel shards."""
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
    wanted: TextConfig, class_names: Sequence[str], most: int
) -> tuple[CLIPTokenizer, CLIPTextModel]:
    """Return the pretrained text encoder, or a frozen seeded one over the class names.

    The seeded one takes as many tokens as a prompt of `most` classes needs, and at least those
    of the preset.

    Raises:
        ConfigError: a prompt of `most` classes is too long for the pretrained one.
    """
    if wanted.source is not None:
        tokenizer, encoder = load_text_encoder(wanted.source)
        require_room(tokenizer, encoder, class_names, most)
        return tokenizer, encoder
    _, needed = longest_prompt(build_tokenizer(class_names), class_names, most)
    values = wanted.model_dump(exclude={"source"})
    values["max_length"] = max(wanted.max_length, needed)
    return build_text_encoder(class_names, **values)


def fresh_unet(preset: Preset, autoencoder: Any) -> UNet2DConditionModel:
    """Return the UNet before its first step: from scratch, or grown from a Stable Diffusion
    checkpoint."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(preset.unet.seed)
        if preset.unet.source is not None:
            unet = expand_unet(load_unet(preset.unet.source))
        else:
            assert preset.unet.architecture is not None
            unet = build_unet(preset.unet.architecture, latent_channels(autoencoder))
    return unet if preset.training.colormap_half else without_colormap_half(unet)
