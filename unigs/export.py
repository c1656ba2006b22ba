"""The UNet as a torch.export program, which runs without this package's code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unigs.atomic_file import replacing
from unigs.errors import ModelError
from unigs.models.unet import input_channels, unet_latent_channels


class _Plain(nn.Module):
    """The UNet as a function of tensors alone."""

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, inputs: Tensor, timesteps: Tensor, text: Tensor, task: Tensor) -> Tensor:
        labels = None if self.unet.config.num_class_embeds is None else task
        return self.unet(inputs, timesteps, text, class_labels=labels, return_dict=False)[0]


def export_unet(
    unet: Any, path: Path | str, height: int, width: int, tokens: int, batch: int = 1
) -> float:
    """Write the UNet for inputs of fixed shapes as a `.pt2` file and compare the two.

    The program takes (batch, 3C+1, height, width) joined inputs (Eq. 8), (batch,) timesteps,
    (batch, tokens, D) text states and (batch,) task numbers, and gives (batch, 2C, height, width).

    Args:
        height, width: of the latents. tokens: L of the text encoder.

    Returns:
        The largest absolute difference between the outputs of the program, read back from the
        file, and of the UNet on random inputs.

    Raises:
        ModelError: the UNet cannot be exported; the reason is PyTorch's.
    """
    channels = input_channels(unet_latent_channels(unet))
    generator = torch.Generator().manual_seed(0)
    device, dtype = unet.device, unet.dtype
    inputs = torch.randn(batch, channels, height, width, generator=generator)
    text = torch.randn(batch, tokens, unet.config.cross_attention_dim, generator=generator)
    example = (
        inputs.to(device, dtype),
        torch.full((batch,), 500, device=device),
        text.to(device, dtype),
        torch.zeros(batch, dtype=torch.int64, device=device),
    )
    plain = _Plain(unet).eval()
    with torch.no_grad():
        try:
            program = torch.export.export(plain, example)
        except Exception as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"the UNet cannot be exported: {reason}") from error
        with replacing(Path(path)) as partial, partial.open("wb") as file:
            torch.export.save(program, file)
        again = torch.export.load(str(path)).module()
        return float((again(*example) - plain(*example)).abs().max())
