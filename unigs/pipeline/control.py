"""What a task is given, as latents and a mask of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unigs.models.autoencoder import encode_images, vae_scale_factor
from unigs.models.colormap_latents import encode_colormaps
from unigs.pipeline.frame import Frame
from unigs.pipeline.inputs import Inputs
from unigs.samples.coarse_mask import latent_mask
from unigs.tasks import control_image


def encode_control(
    inputs: Inputs, frame: Frame, autoencoder: Any, refine_steps: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return control latents (n, C, h', w') and the coarse mask (n, 1, h', w'), 1 = fill, on
    `device`.

    Args:
        refine_steps: by which the latents of colormaps are refined.
    """
    coarse = frame.enter_masks(inputs.coarse_mask)
    if inputs.task.control == "colormap":
        colormaps = frame.enter_colormaps(inputs.source)
        control = encode_colormaps(autoencoder, colormaps, refine_steps, device=device)
    else:
        source = frame.enter_images(inputs.source)
        pixels = control_image(inputs.task, source, source, coarse)
        control = encode_images(autoencoder, pixels, device=device)
    small = latent_mask(coarse, vae_scale_factor(autoencoder))[:, None]
    return control, torch.from_numpy(small).to(device, torch.float32)
