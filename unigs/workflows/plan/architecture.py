"""Shapes of a preset's models, from their configurations alone: no weights, no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from diffusers import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from unigs.config.preset import Preset
from unigs.errors import ConfigError
from unigs.models.autoencoder import latent_channels, vae_scale_factor
from unigs.models.source import TAESD_ENCODER, read_config
from unigs.models.text import longest_prompt
from unigs.models.tokenizer import build_tokenizer
from unigs.models.unet import ARCHITECTURES, build_unet

# The autoencoder of Stable Diffusion 1 and 2 (vae/config.json of either), and TAESD's as far as its
# shapes go, which has no configuration.
_AUTOENCODER: dict[str, Any] = {
    "_class_name": "AutoencoderKL",
    "latent_channels": 4,
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
}
_TAESD: dict[str, Any] = {"latent_channels": 4, "block_out_channels": (64,) * 4}
_TOKENS = 77


@dataclass(frozen=True)
class Architecture:
    """Shapes of what a preset trains and of what it trains on.

    Attributes:
        unet: on the `meta` device.
        latent_shape: (C, h, w) of a sample. text_shape: (L, D) of a prompt.
        autoencoder: its number of parameters.
        assumed: a checkpoint that is not on this machine, taken for one of its family; None.
    """

    unet: UNet2DConditionModel
    latent_shape: tuple[int, int, int]
    text_shape: tuple[int, int]
    autoencoder: int
    assumed: str | None


def plan_architecture(preset: Preset, class_names: Sequence[str]) -> Architecture:
    """Return the shapes of a preset's models.

    A checkpoint that is a Hub id and not in the cache is taken to be of the family that its name
    tells: Stable Diffusion 1 or 2.

    Raises:
        ConfigError: a checkpoint that is neither on this machine nor of a known family, or an
            autoencoder that does not divide the samples.
        ModelError: a configuration that cannot be read, or that no UNet can be built of.
    """
    sources = (preset.unet.source, preset.autoencoder.source, preset.text.source)
    assumed = next((s for s in sources if s is not None and not _is_here(s)), None)
    channels, factor, parameters = _autoencoder(preset)
    if preset.data.size % factor:
        raise ConfigError(
            f"data.size {preset.data.size}: the autoencoder needs a multiple of {factor}"
        )
    side = preset.data.size // factor
    if preset.unet.source is None:
        assert preset.unet.architecture is not None
        wanted = preset.unet.architecture
    else:
        config = _config(preset.unet.source, "unet") or ARCHITECTURES[_family(preset.unet.source)]
        wanted = {name: value for name, value in config.items() if not name.startswith("_")}
    with torch.device("meta"):
        unet = build_unet(wanted, channels)
    return Architecture(
        unet, (channels, side, side), _text_shape(preset, class_names), parameters, assumed
    )


def _autoencoder(preset: Preset) -> tuple[int, int, int]:
    """Return channels, scale factor and number of parameters."""
    wanted = preset.autoencoder
    if wanted.source is None:
        return wanted.latent_channels, wanted.patch_size, 0
    if (Path(wanted.source).expanduser() / TAESD_ENCODER).is_file():
        config = _TAESD
    else:
        config = _config(wanted.source, "vae") or _AUTOENCODER
    # what asks for shapes asks a model's config for them
    model: Any = SimpleNamespace(config=config)
    parameters = 0
    if config.get("_class_name") == "AutoencoderKL":
        with torch.device("meta"):
            made: Any = AutoencoderKL.from_config(config)
        parameters = sum(parameter.numel() for parameter in made.parameters())
    return latent_channels(model), vae_scale_factor(model), parameters


def _text_shape(preset: Preset, class_names: Sequence[str]) -> tuple[int, int]:
    wanted = preset.text
    if wanted.source is None:
        most = max(preset.data.train_entities, preset.data.test_entities)
        _, needed = longest_prompt(build_tokenizer(class_names), class_names, most)
        return max(wanted.max_length, needed), wanted.hidden_size
    config = _config(wanted.source, "text_encoder")
    if config is None:
        return _TOKENS, int(ARCHITECTURES[_family(wanted.source)]["cross_attention_dim"])
    return int(config["max_position_embeddings"]), int(config["hidden_size"])


def _config(source: str, component: str) -> dict[str, Any] | None:
    """Return the configuration of a component, as far as it is on this machine."""
    folder = Path(source).expanduser()
    if folder.is_dir():
        inner = folder / component
        return read_config(inner if (inner / "config.json").is_file() else folder)
    file = _cached(source, f"{component}/config.json")
    return read_config(file.parent) if file is not None else None


def _is_here(source: str) -> bool:
    return Path(source).expanduser().is_dir() or _cached(source, "model_index.json") is not None


def _cached(source: str, file: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    name, _, revision = source.partition("@")
    try:
        found = try_to_load_from_cache(name, file, revision=revision or None)
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None


def _family(source: str) -> str:
    """Return the name in `ARCHITECTURES` of the family that a Hub id tells."""
    name = source.lower()
    if source.count("/") == 1 and "stable-diffusion" in name and "xl" not in name:
        return "sd21" if "stable-diffusion-2" in name else "sd15"
    raise ConfigError(
        f"{source}: not on this machine, and no id of Stable Diffusion 1 or 2",
        hint="give the path of a diffusers directory",
    )
