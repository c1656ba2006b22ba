"""The UNet as a torch.export program or an ONNX file, which run without this package's code."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from unigs.errors import ConfigError, ModelError
from unigs.io.files import replacing
from unigs.models.unet import input_channels, unet_latent_channels

INPUTS = ("inputs", "timesteps", "text", "task")


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
    plain, example = _Plain(unet).eval(), _example(unet, height, width, tokens, batch)
    with torch.no_grad():
        try:
            program = torch.export.export(plain, example)
        except Exception as error:
            raise _refused(error) from error
        with replacing(Path(path)) as partial, partial.open("wb") as file:
            torch.export.save(program, file)
        again = torch.export.load(str(path)).module()
        return float((again(*example) - plain(*example)).abs().max())


def export_onnx(
    unet: Any, path: Path | str, height: int, width: int, tokens: int, batch: int = 1
) -> float:
    """Export the UNet as an ONNX file, with its weights in ``NAME.onnx.data``.

    Needs the extra `onnx`. The inputs are named `inputs`, `timesteps`, `text` and, where the UNet
    has a task embedding, `task`.

    Returns:
        As `export_unet`, the program being run by onnxruntime on the CPU.

    Raises:
        ConfigError: the extra is not installed.
        ModelError: the UNet cannot be exported.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  # torch.onnx needs it and would say so less clearly
    except ImportError as error:
        raise ConfigError(
            f"export to ONNX: {error.name} is not installed", hint="pip install 'unigs[onnx]'"
        ) from error
    plain, example = _Plain(unet).eval(), _example(unet, height, width, tokens, batch)
    target = Path(path)
    # The file names the one with its weights, so both are written under their names elsewhere.
    with torch.no_grad(), TemporaryDirectory(dir=target.parent, prefix=".") as folder:
        try:
            torch.onnx.export(
                plain, example, Path(folder) / target.name, input_names=list(INPUTS),
                dynamo=True, external_data=True, verbose=False,
            )  # fmt: skip
        except Exception as error:
            raise _refused(error) from error
        for file in sorted(Path(folder).iterdir(), reverse=True):
            os.replace(file, target.parent / file.name)
        session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
        known = {node.name for node in session.get_inputs()}
        given = {
            name: value.cpu().numpy()
            for name, value in zip(INPUTS, example, strict=True)
            if name in known
        }
        found = torch.from_numpy(session.run(None, given)[0])
        return float((found - plain(*example).cpu()).abs().max())


def _example(unet: Any, height: int, width: int, tokens: int, batch: int) -> tuple[Tensor, ...]:
    channels = input_channels(unet_latent_channels(unet))
    generator = torch.Generator().manual_seed(0)
    device, dtype = unet.device, unet.dtype
    inputs = torch.randn(batch, channels, height, width, generator=generator)
    text = torch.randn(batch, tokens, unet.config.cross_attention_dim, generator=generator)
    return (
        inputs.to(device, dtype),
        torch.full((batch,), 500, device=device),
        text.to(device, dtype),
        torch.zeros(batch, dtype=torch.int64, device=device),
    )


def _refused(error: Exception) -> ModelError:
    reason = str(error).strip().splitlines()[0]
    return ModelError(f"the UNet cannot be exported: {reason}")
