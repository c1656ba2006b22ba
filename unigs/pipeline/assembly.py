"""A model of a preset put together from its parts: autoencoder, text encoder, UNet, pipeline.

The command line and the graph both build their models here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from unigs.config.preset import AutoencoderConfig, Preset, TextConfig
from unigs.io.distributed import rank_and_world
from unigs.latents.stores import Encoders, SampleFolders, open_stores
from unigs.latents.stream import MixedStream
from unigs.models.autoencoder import latent_channels, load_autoencoder
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.models.text import build_text_encoder, load_text_encoder
from unigs.models.unet import build_unet, expand_unet, load_unet
from unigs.pipeline.pipeline import UniGSPipeline
from unigs.shards.build import read_samples
from unigs.training.loss import build_scheduler

VALIDATION_BATCH = 64


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


def training_stream(
    preset: Preset, folders: Mapping[str, SampleFolders], encoders: Encoders
) -> MixedStream:
    """Batches over the samples of some tasks, mixed by the preset's ratios and the weights of its
    data sets; in a group of processes, this one's share of them."""
    training = preset.training
    stores = open_stores(folders, encoders)
    ratios = {task: training.ratios[task] for task in stores}
    rank, world = rank_and_world()
    return MixedStream(
        stores, ratios, training.batch_size, training.seed, rank, world, preset.data.weights
    )


def validation_stream(
    preset: Preset, folders: Mapping[str, SampleFolders], encoders: Encoders
) -> MixedStream:
    """An even mix of held-out samples."""
    stores = open_stores(folders, encoders)
    even = dict.fromkeys(stores, 1.0)
    return MixedStream(stores, even, VALIDATION_BATCH, seed=preset.training.seed)


def assemble(
    preset: Preset,
    unet: UNet2DConditionModel,
    autoencoder: Any,
    tokenizer: CLIPTokenizer,
    text_encoder: CLIPTextModel,
    tasks: Sequence[str],
) -> UniGSPipeline:
    """The pipeline around a UNet, with the preset's codec and defaults of inference."""
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
