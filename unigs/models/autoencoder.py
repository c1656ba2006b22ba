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
from unigs.io.device import fitting, in_batches
from unigs.io.machine import autocast
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.models.source import (
    TAESD_DECODER,
    TAESD_ENCODER,
    component_directory,
    loading,
    read_config,
    resolve_directory,
)

__all__ = ["decode_latents", "encode_images", "load_autoencoder"]

FAMILIES: dict[str, Any] = {
    "AutoencoderKL": AutoencoderKL,
    "AutoencoderTiny": AutoencoderTiny,
    "PatchAutoencoder": PatchAutoencoder,
}
# Of a residual block, in the width of its widest layer: what enters, what is normalised, what is
# convolved, and the result.
LIVE_ACTIVATIONS = 4


def load_autoencoder(source: str | Path, dtype: torch.dtype = torch.float32) -> Any:
    """Return the autoencoder at `source`, frozen and in evaluation mode.

    `source` is a directory written by diffusers (an AutoencoderKL, AutoencoderTiny or
    PatchAutoencoder, or a pipeline that holds one under vae/), a Hub id, or a directory with
    TAESD's two files in their original naming. An AutoencoderKL, whose activations leave the range
    of float16, is in float32 where that is asked for.

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
    if family == "AutoencoderKL" and dtype == torch.float16:
        dtype = torch.float32
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


def activation_bytes(autoencoder: Any, height: int, width: int) -> int:
    """Return the memory of encoding or decoding one picture without gradients, in bytes.

    Most lies at full resolution, where an AutoencoderKL decodes with the channels of its second
    block (256 of Stable Diffusion: 268 MB a layer at 512x512 in float32) and encodes with
    those of its first. A residual block holds `LIVE_ACTIVATIONS` of them at a time.
    """
    config = autoencoder.config
    if "patch_size" in config:
        cells = int(config["patch_size"]) ** 2
        channels = max(3, -(-int(config["latent_channels"]) // cells))
    else:
        channels = max(config["block_out_channels"][:2])
    return int(LIVE_ACTIVATIONS * channels * height * width * autoencoder.dtype.itemsize)


def low_precision(autoencoder: Any, device: torch.device) -> torch.autocast:
    """Return a context in which a convolutional autoencoder in float32 multiplies in bfloat16 where
    the device does so faster.

    TAESD's latents change by 0.8 % of their deviation, its pictures by half a grey level. Linear
    autoencoders are exact and cheap, and stay as they are.
    """
    wanted = isinstance(autoencoder, AutoencoderKL | AutoencoderTiny)
    wanted = wanted and autoencoder.dtype == torch.float32
    return autocast("auto" if wanted else "fp32", device)


def encode_images(
    autoencoder: Any,
    images: np.ndarray | Tensor,
    batch_size: int | None = None,
    device: torch.device | None = None,
) -> Tensor:
    """Images -> the latents the UNet sees, scaled and shifted as the autoencoder asks.

    Args:
        images: (n, h, w, 3), uint8, or float in [-1, 1].
        batch_size: images encoded at a time, as many as fit the memory if None; changes the result
            by rounding alone.
        device: where to run, for autoencoders that are moved there on demand; their own if None.

    Returns:
        (n, C, h/f, w/f) float32 on the autoencoder's device. Deterministic: of a posterior
        (AutoencoderKL) the mean is taken.

    Raises:
        ModelError: another shape, sides that the scale factor f does not divide, or not enough
            memory for one.
    """
    return encode_posterior(autoencoder, images, batch_size, device)[0]


def encode_posterior(
    autoencoder: Any,
    images: np.ndarray | Tensor,
    batch_size: int | None = None,
    device: torch.device | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Return the posterior's mean and standard deviation, (n, C, h/f, w/f) float32 each, scaled
    as in `encode_images`, whose arguments and errors these are.

    The deviation is None for autoencoders without a posterior (all but AutoencoderKL).
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
    place = device or autoencoder.device
    size = batch_size or fitting(activation_bytes(autoencoder, *batch.shape[1:3]), place)

    def encode(chunk: Tensor) -> tuple[Tensor, Tensor | None]:
        values = chunk.to(place)
        values = values.float().div(127.5).sub(1) if chunk.dtype == torch.uint8 else values
        encoded = autoencoder.encode(values.permute(0, 3, 1, 2).to(autoencoder.dtype))
        if "latents" in encoded:
            return (encoded.latents.float() - shift) * scale, None
        posterior = encoded.latent_dist
        return (posterior.mode().float() - shift) * scale, posterior.std.float() * scale

    with torch.no_grad():
        parts = in_batches(batch, size, encode, "pictures")
    means, deviations = zip(*parts, strict=True)
    return torch.cat(means), None if deviations[0] is None else torch.cat(deviations)


def decode_latents(
    autoencoder: Any,
    latents: Tensor,
    batch_size: int | None = None,
    device: torch.device | None = None,
) -> np.ndarray:
    """Scaled latents (n, C, h', w') -> (n, h'*f, w'*f, 3) uint8 images, rounded to nearest.

    Arguments and errors as in `encode_images`.
    """
    factor = vae_scale_factor(autoencoder)
    place = device or autoencoder.device
    height, width = (side * factor for side in latents.shape[2:])
    size = batch_size or fitting(activation_bytes(autoencoder, height, width), place)

    def decode(chunk: Tensor) -> np.ndarray:
        images = decoded_values(autoencoder, chunk.to(place))
        pixels = images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
        return np.asarray(pixels.permute(0, 2, 3, 1).cpu().numpy())

    with torch.no_grad():
        return np.concatenate(in_batches(latents, size, decode, "latents"))


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
