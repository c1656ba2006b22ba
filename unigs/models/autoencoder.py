"""Image autoencoders (Eq. 3): loading them, and uint8 images <-> scaled latents."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from safetensors.torch import load_file
from torch import Tensor, nn

from unigs.errors import ModelError
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.models.source import (
    TAESD_DECODER,
    TAESD_ENCODER,
    component_directory,
    loading,
    read_config,
    resolve_directory,
)

FAMILIES: dict[str, Any] = {
    "AutoencoderKL": AutoencoderKL,
    "AutoencoderTiny": AutoencoderTiny,
    "PatchAutoencoder": PatchAutoencoder,
}


def load_autoencoder(source: str | Path, dtype: torch.dtype = torch.float32) -> Any:
    """Return the autoencoder at `source`, frozen and in evaluation mode.

    `source` is a directory written by diffusers (an AutoencoderKL, AutoencoderTiny or
    PatchAutoencoder, or a pipeline that holds one under vae/), a Hub id, or a directory with
    TAESD's two files in their original naming.

    Raises:
        ModelError: missing, of another family, pickles only, cut short, or weights that do not fit.
    """
    directory = resolve_directory(source)
    if (directory / TAESD_ENCODER).is_file():
        return _freeze(_load_taesd(directory).to(dtype))
    directory = component_directory(directory, "vae")
    family = read_config(directory).get("_class_name")
    if family not in FAMILIES:
        raise ModelError(
            f"{directory}/config.json: autoencoder family {family!r}; "
            f"give one of {', '.join(FAMILIES)}"
        )
    options = loading(directory)
    try:
        model = FAMILIES[family].from_pretrained(directory, dtype=dtype, **options)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{directory}: weights do not load ({reason}); save it again") from error
    return _freeze(model)


def _load_taesd(directory: Path) -> nn.Module:
    model: Any = AutoencoderTiny()
    state: dict[str, Tensor] = {}
    # The original decoder starts with a clamp that diffusers applies outside its layer list.
    for part, file, shift in (("encoder", TAESD_ENCODER, 0), ("decoder", TAESD_DECODER, 1)):
        try:
            tensors = load_file(directory / file)
        except Exception as error:
            raise ModelError(f"{directory / file}: unreadable ({error}); copy it again") from error
        for name, tensor in tensors.items():
            index, _, rest = name.partition(".")
            state[f"{part}.layers.{int(index) - shift}.{rest}"] = tensor
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{directory}: not TAESD for 4 latent channels ({reason})") from error
    return model


def _freeze(model: nn.Module) -> nn.Module:
    return model.eval().requires_grad_(False)


def vae_scale_factor(autoencoder: Any) -> int:
    """Return the image pixels per latent pixel along a side: 8 for Stable Diffusion."""
    config = autoencoder.config
    if "patch_size" in config:
        return int(config["patch_size"])
    return 2 ** (len(config["block_out_channels"]) - 1)


def latent_channels(autoencoder: Any) -> int:
    """Channels C of one latent."""
    return int(autoencoder.config["latent_channels"])


def encode_images(
    autoencoder: Any,
    images: np.ndarray | Tensor,
    batch_size: int = 64,
    device: torch.device | None = None,
) -> Tensor:
    """Images -> the latents the UNet sees, scaled and shifted as the autoencoder asks.

    Args:
        images: (n, h, w, 3), uint8, or float in [-1, 1].
        batch_size: images encoded at a time; does not change the result.
        device: where to run, for autoencoders that are moved there on demand; their own if None.

    Returns:
        (n, C, h/f, w/f) float32 on the autoencoder's device. Deterministic: of a posterior
        (AutoencoderKL) the mean is taken.

    Raises:
        ModelError: another shape, or sides that the scale factor f does not divide.
    """
    batch = images if isinstance(images, Tensor) else torch.from_numpy(np.array(images))
    if batch.ndim != 4 or batch.shape[-1] != 3:
        raise ModelError(f"images of shape {tuple(batch.shape)}: give (n, h, w, 3)")
    factor = vae_scale_factor(autoencoder)
    if batch.shape[1] % factor or batch.shape[2] % factor:
        raise ModelError(
            f"images of {batch.shape[1]}x{batch.shape[2]} pixels: the autoencoder needs sides "
            f"that {factor} divides; pad or resize them"
        )
    scale, shift = _scale_and_shift(autoencoder)
    parts = []
    with torch.no_grad():
        for chunk in batch.split(batch_size):
            values = chunk.to(device or autoencoder.device)
            values = values.float().div(127.5).sub(1) if chunk.dtype == torch.uint8 else values
            encoded = autoencoder.encode(values.permute(0, 3, 1, 2).to(autoencoder.dtype))
            latents = encoded.latents if "latents" in encoded else encoded.latent_dist.mode()
            parts.append((latents.float() - shift) * scale)
    return torch.cat(parts)


def decode_latents(
    autoencoder: Any,
    latents: Tensor,
    batch_size: int = 64,
    device: torch.device | None = None,
) -> np.ndarray:
    """Scaled latents (n, C, h', w') -> (n, h'*f, w'*f, 3) uint8 images, rounded to nearest."""
    parts = []
    with torch.no_grad():
        for chunk in latents.split(batch_size):
            images = decoded_values(autoencoder, chunk.to(device or autoencoder.device))
            pixels = images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
            parts.append(pixels.permute(0, 2, 3, 1).cpu().numpy())
    return np.concatenate(parts)


def decoded_values(autoencoder: Any, latents: Tensor) -> Tensor:
    """Scaled latents (n, C, h', w') -> (n, 3, h'*f, w'*f) float32 about [-1, 1], not clipped;
    gradients go through."""
    scale, shift = _scale_and_shift(autoencoder)
    values = latents.float() / scale + shift
    return autoencoder.decode(values.to(autoencoder.dtype)).sample.float()


def _scale_and_shift(autoencoder: Any) -> tuple[float, float]:
    config = autoencoder.config
    return float(config.get("scaling_factor") or 1.0), float(config.get("shift_factor") or 0.0)


def weights_digest(module: nn.Module) -> str:
    """Return the SHA-256 (hex) over names, dtypes, shapes and bytes of all parameters and buffers
    and, of an autoencoder, its scaling: equal digests make equal latents."""
    digest = hashlib.sha256()
    config = getattr(module, "config", None)
    if hasattr(config, "get"):
        digest.update(repr(_scale_and_shift(module)).encode())
    for name, tensor in sorted(module.state_dict().items()):
        value = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
