"""The UNet that a preset trains, measured without its weights: parameters, operations, activations.

Everything runs on torch's `meta` device: seconds and no memory, whatever the size.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import torch
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from unigs.config.training import TrainingConfig
from unigs.training.lora import add_adapters
from unigs.training.muon import Muon
from unigs.workflows.plan.activations import Device, Kept, Pass, keeping

_FLOAT = 4


@dataclass(frozen=True, slots=True)
class Network:
    """Sizes of a UNet in training.

    Attributes:
        parameters: all of them; `trainable` those that learn, `matrices` those of them that Muon
            orthogonalises and `alike` the most of one shape, which it does at once (0 for AdamW).
        forward: operations of one sample, multiplications and additions; `sample` forward and
            backward.
        one, two: what a pass over one and over two samples keeps.
        batch: bytes of a sample's latents, its noise and its errors; `loss` what computing its loss
            takes besides them, before anything is freed.
        casts: bytes of weights in the low precision that a forward pass holds and does not keep.
        idle: most bytes at a time, by sample, of a forward pass without backward.
    """

    parameters: int
    trainable: int
    matrices: int
    alike: int
    forward: int
    sample: int
    one: tuple[Kept, ...]
    two: tuple[Kept, ...]
    batch: int
    loss: int
    casts: int
    idle: int

    def pass_bytes(self, samples: int, gradients: bool) -> int:
        """Return the most bytes at a time in a forward and backward pass over so many samples.

        On the way back activations go and gradients come; beside them are the gradients of the
        activation that backward is at, of its result and of its input.

        Args:
            gradients: count those of the parameters; an earlier pass may have made them already.
        """
        most, kept = 0, 0
        coming = sum(entry.gradient for entry in self.one)
        for one, two in zip(self.one, self.two, strict=True):
            activation = one.activation + (two.activation - one.activation) * (samples - 1)
            inner = one.inner + (two.inner - one.inner) * (samples - 1)
            kept += activation
            coming -= one.gradient
            most = max(most, kept + inner + 2 * activation + (coming if gradients else 0))
        return self.batch * samples + max(most, kept + self.loss * samples + self.casts)


def measure_network(
    unet: UNet2DConditionModel,
    training: TrainingConfig,
    latent_shape: tuple[int, int, int],
    text_shape: tuple[int, int],
    device: Device,
) -> Network:
    """Measure a UNet on the `meta` device as `unigs.training.loop` trains it."""
    if training.lora_rank is not None:
        add_adapters(unet, training.lora_rank, training.seed)
    trainable = [p for p in unet.parameters() if p.requires_grad]
    with FlopCounterMode(display=False) as counter:
        predicted = _forward(unet, 1, latent_shape, text_shape)
        forward = counter.get_total_flops()
        predicted.sum().backward()
    unet.zero_grad(set_to_none=True)
    if not device.fused_attention:
        unet.set_attn_processor(AttnProcessor())
    with torch.no_grad(), Pass(device) as idle:
        _forward(unet, 1, latent_shape, text_shape)
    kept = []
    for samples in (1, 2):
        with (
            Pass(device) as made,
            keeping(unet, made.casts, training.gradient_checkpointing) as entries,
        ):
            _forward(unet, samples, latent_shape, text_shape)
        kept.append(tuple(entries))
    casts = sum(cast.untyped_storage().nbytes() for cast in made.cast.values())
    channels, plane = latent_shape[0], _FLOAT * math.prod(latent_shape[1:])
    matrices = _matrices(trainable) if training.optimizer == "muon" else Counter()
    return Network(
        parameters=sum(p.numel() for p in unet.parameters()),
        trainable=sum(p.numel() for p in trainable),
        matrices=sum(matrices.values()),
        alike=max(matrices.values(), default=0),
        forward=forward,
        sample=counter.get_total_flops(),
        one=kept[0],
        two=kept[1],
        # Three latents and three masks; noise, errors and their gradients of both halves.
        batch=(9 * channels + 3) * plane + _FLOAT * math.prod(text_shape),
        # Clean and noised latents, target and prediction.
        loss=8 * channels * plane,
        casts=casts if training.gradient_checkpointing else 0,
        idle=idle.most,
    )


def _matrices(parameters: list[nn.Parameter]) -> Counter[tuple[int, int]]:
    """Return the parameters that Muon orthogonalises, by the shape of their matrix."""
    found: Counter[tuple[int, int]] = Counter()
    for group in Muon(parameters, lr=1.0).param_groups:
        for parameter in group["params"] if group["orthogonal"] else ():
            sides = sorted((parameter.shape[0], parameter[0].numel()))
            found[sides[0], sides[1]] += parameter.numel()
    return found


def _forward(
    unet: UNet2DConditionModel,
    samples: int,
    latent_shape: tuple[int, int, int],
    text_shape: tuple[int, int],
) -> Tensor:
    with torch.device("meta"):
        inputs = torch.zeros(samples, int(unet.config["in_channels"]), *latent_shape[1:])
        timesteps, text = torch.zeros(samples), torch.zeros(samples, *text_shape)
        tasks = torch.zeros(samples, dtype=torch.int64)
    return unet(inputs, timesteps, text, class_labels=tasks).sample
