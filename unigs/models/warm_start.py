"""Begin a training with the weights of a finished model of the same shape and the same latents."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from unigs.config.preset import Preset
from unigs.errors import ModelError
from unigs.models.autoencoder import (
    encode_images,
    latent_channels,
    load_autoencoder,
    weights_digest,
)
from unigs.models.source import (
    component_directory,
    read_config,
    require_safetensors,
    tensor_names,
)
from unigs.models.text import load_text_encoder
from unigs.models.unet import build_unet, load_unet, plain_arguments, without_colormap_half

# Share of the norm. Principal components of 400 images of which 20 are others move latents by 0.01,
# of which 200 are others by 0.2, and of noise by 1.3.
LATENTS_MOVED = 0.1
_SIDE = 64
_HINT = "with retraining.start scratch it is not asked"


def warm_unet(preset: Preset, autoencoder: Any, folder: Path) -> UNet2DConditionModel:
    """Return the UNet of a pipeline folder, to be trained on as the preset says.

    Args:
        autoencoder: of the latents that it will be trained on.
        folder: in diffusers' layout, with ``unet`` and ``vae``.

    Raises:
        ModelError: as `require_warm_start`, or weights that do not load.
    """
    require_warm_start(preset, autoencoder, folder)
    unet = load_unet(folder / "unet")
    return unet if preset.training.colormap_half else without_colormap_half(unet)


def require_warm_start(preset: Preset, autoencoder: Any, folder: Path) -> None:
    """Check that a training of the preset can begin with the UNet of a pipeline folder; its weights
    are not read, only their shapes.

    Raises:
        ModelError: the folder is gone or damaged, the UNet has other tensors than the preset's, or
            the autoencoder beside it makes other latents.
    """
    if not folder.is_dir():
        raise ModelError("the model's folder is gone", file=folder, hint=_HINT)
    place = component_directory(folder, "unet")
    wanted, found = expected_shapes(preset, autoencoder), tensor_shapes(place)
    if wanted != found:
        every = wanted.keys() | found.keys()
        names = sorted(name for name in every if wanted.get(name) != found.get(name))
        first = names[0]
        raise ModelError(
            f"{len(names)} tensors of the model have another shape than the preset's; {first}: "
            f"{found.get(first, 'not there')}, by the preset {wanted.get(first, 'none')}",
            file=place,
            hint=_HINT,
        )
    moved = latents_moved(load_autoencoder(folder), autoencoder)
    if moved > LATENTS_MOVED:
        raise ModelError(
            f"the model was trained on latents of another autoencoder, {moved:.0%} away from those "
            "of now",
            file=folder,
            hint=_HINT,
        )


def require_same_prompts(folder: Path, text_encoder: Path) -> None:
    """Check that the text encoder of a pipeline folder reads prompts as the one in another folder
    does: a small one over the class names is another one when a class is added.

    Raises:
        ModelError: it does not, or one of them does not load.
    """
    (words, before), (new_words, now) = load_text_encoder(folder), load_text_encoder(text_encoder)
    same = words.get_vocab() == new_words.get_vocab()
    if not same or weights_digest(before) != weights_digest(now):
        raise ModelError(
            "the model was trained on prompts of another text encoder: classes were added or "
            "renamed",
            file=folder,
            hint=_HINT,
        )


def expected_shapes(preset: Preset, autoencoder: Any) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of the tensors of the UNet that a preset trains; no weights are read."""
    with torch.device("meta"):
        if preset.unet.source is not None:
            config = read_config(component_directory(preset.unet.source, "unet"))
            unet = build_unet(plain_arguments(config), int(config["out_channels"]))
        else:
            assert preset.unet.architecture is not None
            unet = build_unet(preset.unet.architecture, latent_channels(autoencoder))
    return {name: tuple(value.shape) for name, value in unet.state_dict().items()}


def tensor_shapes(directory: Path) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of the tensors of a component, from the headers of its files.

    Raises:
        ModelError: as `unigs.models.source.require_safetensors`.
    """
    from safetensors import safe_open

    found: dict[str, tuple[int, ...]] = {}
    for file in require_safetensors(directory):
        with safe_open(file, framework="numpy") as tensors:
            found |= {n: tuple(tensors.get_slice(n).get_shape()) for n in tensor_names(file)}
    return found


def latents_moved(before: Any, now: Any) -> float:
    """Return how far the latents of an autoencoder are from those of the one before, as a share of
    their norm, on pictures of random blocks of 1 to 32 pixels; infinite where they have other
    shapes."""
    random = np.random.default_rng(0)
    sides = [_SIDE // block for block in (1, 2, 4, 8, 16, 32)]
    coarse = [random.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in sides]
    pictures = np.stack([p.repeat(_SIDE // len(p), 0).repeat(_SIDE // len(p), 1) for p in coarse])
    old, new = (encode_images(model, pictures).cpu() for model in (before, now))
    if old.shape != new.shape:
        return math.inf
    return float((new - old).norm() / old.norm().clamp_min(1e-12))
