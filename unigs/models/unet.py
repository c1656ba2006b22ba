"""The denoising UNet: 3C+1 channels in (Eq. 8), 2C out (Eq. 11), from scratch or grown from a
Stable Diffusion UNet.

Input order (Eq. 8): noised image latent, noised colormap latent, coarse mask, control latent.
Output order (Eq. 11): image half, colormap half.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from unigs.errors import ModelError
from unigs.models.source import (
    component_directory,
    loading,
    read_config,
    require_family,
    resolve_directory,
)
from unigs.tasks import TASKS

__all__ = ["build_unet", "expand_unet", "join_inputs", "load_unet"]

_STABLE_DIFFUSION = {
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "down_block_types": (*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
    "up_block_types": ("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
    "layers_per_block": 2,
}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "sd15": {**_STABLE_DIFFUSION, "cross_attention_dim": 768, "attention_head_dim": 8},
    "sd21": {
        **_STABLE_DIFFUSION,
        "cross_attention_dim": 1024,
        "attention_head_dim": (5, 10, 20, 20),
        "use_linear_projection": True,
    },
}
# What makes a UNet ask for inputs that a Stable Diffusion 1 or 2 UNet does not have.
_FOREIGN = (
    "class_embed_type",
    "num_class_embeds",
    "addition_embed_type",
    "encoder_hid_dim_type",
    "time_cond_proj_dim",
)


def input_channels(latent_channels: int) -> int:
    """3C+1: two noised halves, the coarse mask, the control latent (Eq. 8)."""
    return 3 * latent_channels + 1


def unet_latent_channels(unet: Any) -> int:
    """C of a UniGS UNet.

    Raises:
        ModelError: its channels are not 3C+1 in and 2C out.
    """
    channels, odd = divmod(int(unet.config["out_channels"]), 2)
    if odd or unet.config["in_channels"] != input_channels(channels):
        raise ModelError(
            f"UNet with {unet.config['in_channels']} channels in and "
            f"{unet.config['out_channels']} out is no UniGS UNet (3C+1 in, 2C out); "
            "grow it with expand_unet"
        )
    return channels


def build_unet(
    architecture: str | Mapping[str, Any], latent_channels: int = 4, tasks: bool = True
) -> UNet2DConditionModel:
    """Return a freshly initialised UniGS UNet.

    Args:
        architecture: a name of `ARCHITECTURES`, or keyword arguments of diffusers'
            UNet2DConditionModel; the channels and the task embedding are set here.
        latent_channels: C of the autoencoder.
        tasks: add the task embedding, a vector per task that starts at zero.

    Raises:
        ModelError: unknown name, or arguments that diffusers does not take.
    """
    if isinstance(architecture, str):
        if architecture not in ARCHITECTURES:
            raise ModelError(
                f"UNet architecture {architecture!r}: give one of {', '.join(ARCHITECTURES)} "
                "or a mapping of UNet2DConditionModel's arguments"
            )
        architecture = ARCHITECTURES[architecture]
    options = {
        **architecture,
        "in_channels": input_channels(latent_channels),
        "out_channels": 2 * latent_channels,
        "num_class_embeds": len(TASKS) if tasks else None,
    }
    try:
        unet = UNet2DConditionModel(**options)
    except (TypeError, ValueError) as error:
        raise ModelError(f"UNet architecture: {error}") from error
    if tasks:
        nn.init.zeros_(unet.class_embedding.weight)
    return unet


def load_unet(source: str | Path, dtype: torch.dtype = torch.float32) -> UNet2DConditionModel:
    """Return the UNet of a diffusers directory (its own, or a pipeline's under unet/) or Hub id.

    Raises:
        ModelError: missing, of another family, pickles only, cut short or unreadable.
    """
    require_family(resolve_directory(source))
    folder = component_directory(source, "unet")
    family = read_config(folder).get("_class_name")
    if family != "UNet2DConditionModel":
        raise ModelError(
            f"{folder}/config.json: {family!r} is not the family of Stable Diffusion 1 and 2; "
            "give a UNet2DConditionModel"
        )
    options = loading(folder)
    try:
        return UNet2DConditionModel.from_pretrained(folder, dtype=dtype, **options)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{folder}: weights do not load ({reason})") from error


def expand_unet(source: UNet2DConditionModel, tasks: bool = True) -> UNet2DConditionModel:
    """Grow a plain (C in) or inpainting (2C+1 in: z, mask, masked image) UNet into UniGS's.

    The source's input columns go to image, mask and control; the colormap's input columns and
    output rows and the task embedding start at zero ("newly added channels zero", section 4.1).
    At this point the image half of the output is the source's output on the same inputs,
    whatever the colormap latents hold, and the colormap half is zero: to the bit where the
    convolution adds the channels up in the same order (Stable Diffusion's 4-channel latents),
    else to rounding. Weights other than those of the first and last convolution are shared with
    `source`, not copied.

    Raises:
        ModelError: a UNet of another family, or other channel counts.
    """
    if not isinstance(source, UNet2DConditionModel):
        raise ModelError(f"{type(source).__name__} cannot be grown; give a UNet2DConditionModel")
    config = source.config
    foreign = [name for name in _FOREIGN if config.get(name) is not None]
    if foreign:
        raise ModelError(
            f"a UNet with {', '.join(foreign)} is not of the Stable Diffusion 1 and 2 family; "
            "give one without"
        )
    count = int(config["out_channels"])
    columns = _columns(int(config["in_channels"]), count)
    with torch.device("meta"):
        grown = build_unet(plain_arguments(config), count, tasks)
    state = dict(source.state_dict())
    weight = state["conv_in.weight"]
    wide = weight.new_zeros(weight.shape[0], input_channels(count), *weight.shape[2:])
    wide[:, columns] = weight
    state["conv_in.weight"] = wide
    for name in ("conv_out.weight", "conv_out.bias"):
        state[name] = torch.cat([state[name], torch.zeros_like(state[name])])
    if tasks:
        width = grown.class_embedding.embedding_dim
        state["class_embedding.weight"] = weight.new_zeros(len(TASKS), width)
    grown.load_state_dict(state, assign=True)
    return grown.train(source.training)


@torch.no_grad()
def without_colormap_half(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """Zero the colormap's input columns and output rows of a UniGS UNet, in place: its image half
    is then that of a UNet with 2C+1 channels in and C out, and its colormap half is zero.

    They stay zero where training shows no noised colormap and asks for none
    (``training.colormap_half``).
    """
    count = unet_latent_channels(unet)
    unet.conv_in.weight[:, count : 2 * count] = 0
    unet.conv_out.weight[count:] = 0
    if unet.conv_out.bias is not None:
        unet.conv_out.bias[count:] = 0
    return unet


def plain_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a diffusers config without what diffusers notes for itself."""
    return {name: value for name, value in config.items() if not name.startswith("_")}


def _columns(channels: int, count: int) -> list[int]:
    """Return where the source's input channels stand among ours."""
    image, control = list(range(count)), list(range(2 * count + 1, 3 * count + 1))
    if channels == count:
        return image
    if channels == 2 * count + 1:
        return [*image, 2 * count, *control]
    raise ModelError(
        f"a UNet with {channels} channels in and {count} out cannot be grown; give one with "
        f"{count} (Stable Diffusion) or {2 * count + 1} (its inpainting model) in"
    )


def join_inputs(image: Tensor, colormap: Tensor, coarse: Tensor, control: Tensor) -> Tensor:
    """Concatenate the UNet's inputs to (B, 3C+1, h, w) (Eq. 8).

    ``image``, ``colormap`` (both noised) and ``control`` are (B, C, h, w), ``coarse``
    (B, 1, h, w) with 1 = fill.
    """
    return torch.cat([image, colormap, coarse, control], dim=1)
