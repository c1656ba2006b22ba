"""Table 10: what the colormap costs in parameters and time."""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor

from unigs.evaluation.metric_values import MetricValue
from unigs.evaluation.paper.result import ResultTable, masks_table

PARAMETERS, SECONDS = "parameters", "seconds_per_image"
# Passes of both networks in turn; the median of an odd number is one of them.
PASSES = 5


def cost_table(pipeline: Any, steps: int) -> ResultTable:
    """Return Table 10 for the UNet of a pipeline and its plain inpainting counterpart.

    The counterpart has the same blocks, 2C+1 input and C output channels, no task embedding and
    random weights, which cost the same. One image, without guidance; the two take turns, so that
    whatever else the machine does slows both. Autoencoder and text encoder, which both need alike,
    are not counted.

    Args:
        steps: sampling steps of an image; a step is timed and multiplied.
    """
    unet = pipeline.unet
    rows = []
    plain = _plain(unet)
    seconds = _seconds([unet, plain], steps)
    for name, network, taken in zip(
        ("inpainting counterpart", "UniGS"), (plain, unet), reversed(seconds), strict=True
    ):
        count = sum(parameter.numel() for parameter in network.parameters())
        values = [MetricValue(PARAMETERS, count / 1e6), MetricValue(SECONDS, taken)]
        rows.append((name, values))
    side = unet.config.sample_size
    many = f"{steps} step{'s' * (steps > 1)}"
    note = (
        f"Measured rows: the UNet alone, {many}, one image of {side}x{side} latents on "
        f"{unet.device}, {torch.get_num_threads()} threads, median of {PASSES} passes in turn."
    )
    return masks_table(10, rows, note)


def _plain(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    channels = unet.config["out_channels"] // 2
    config = {
        **unet.config,
        "in_channels": 2 * channels + 1,
        "out_channels": channels,
        "num_class_embeds": None,
    }
    plain: Any = UNet2DConditionModel.from_config(config)
    return plain.eval().to(unet.device, unet.dtype)


@torch.inference_mode()
def _seconds(networks: list[UNet2DConditionModel], steps: int) -> list[float]:
    """Return the seconds that an image takes each network."""
    taken: list[list[float]] = [[] for _ in networks]
    inputs = [_inputs(network) for network in networks]
    for turn in range(PASSES + 1):
        for number, (network, given) in enumerate(zip(networks, inputs, strict=True)):
            started = time.perf_counter()
            network(**given)
            if network.device.type == "cuda":
                torch.cuda.synchronize(network.device)
            # The first pass warms up.
            if turn:
                taken[number].append(time.perf_counter() - started)
    return [steps * statistics.median(seconds) for seconds in taken]


def _inputs(unet: UNet2DConditionModel) -> dict[str, Tensor | None]:
    config, device = unet.config, unet.device
    side, width = config["sample_size"], config["cross_attention_dim"]
    labelled = config["num_class_embeds"] is not None
    common: dict[str, Any] = {"device": device, "dtype": unet.dtype}
    return {
        "sample": torch.zeros(1, config["in_channels"], side, side, **common),
        "timestep": torch.tensor([0], device=device),
        # As many tokens as CLIP reads.
        "encoder_hidden_states": torch.zeros(1, 77, width, **common),
        "class_labels": torch.zeros(1, dtype=torch.int64, device=device) if labelled else None,
    }
