"""Training steps of a UNet on a batch that stays on the device, each switch of them to be set."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.training_utils import EMAModel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.accelerator_parts.bench import Bench, Sizes, make_unet
from unigs.io.machine import float32_products
from unigs.training.optimizer import AveragedWeights


@dataclass(frozen=True)
class Switches:
    """What a step is made of; as `unigs.training.loop` has it on CUDA by default.

    Attributes:
        precision: fp32, tf32 or bf16 (autocast).
        channels_last: weights and activations.
        fused_attention: scaled-dot-product kernels.
        autotune: cuDNN times its algorithms for every shape.
        compiled: mode of torch.compile, or None.
        fused_optimizer: AdamW in one kernel, else torch's default (by groups of tensors).
        one_pass: the average of the weights in one pass, else diffusers'.
    """

    precision: str = "bf16"
    channels_last: bool = True
    fused_attention: bool = True
    autotune: bool = False
    compiled: str | None = None
    fused_optimizer: bool = True
    one_pass: bool = True


class Steps:
    """Optimiser steps on one batch of random latents."""

    def __init__(
        self, bench: Bench, unet: UNet2DConditionModel, switches: Switches, samples: int
    ) -> None:
        self.unet, self.switches, self.device = unet, switches, bench.device
        self.parts, self.samples = 1, samples
        layout = torch.channels_last if switches.channels_last else torch.contiguous_format
        unet.train().to(memory_format=layout)
        unet.zero_grad(set_to_none=True)
        unet.set_attn_processor(AttnProcessor2_0() if switches.fused_attention else AttnProcessor())
        self.parameters = list(unet.parameters())
        fused = {"fused": True} if switches.fused_optimizer else {}
        self.optimizer = torch.optim.AdamW(self.parameters, lr=1e-6, weight_decay=0.01, **fused)
        average: Any = AveragedWeights if switches.one_pass else EMAModel
        self.average = average(self.parameters, decay=0.9999, foreach=True)
        self.model: Callable[..., Any] = compiled(unet, switches.compiled, bench.dry)
        self.batch = example(unet, bench.sizes, samples, self.device)
        self.batch["sample"] = self.batch["sample"].contiguous(memory_format=layout)

    def __call__(self) -> None:
        """Take a step; in two, four, ... parts once the memory does not suffice."""
        with ExitStack() as stack:
            stack.enter_context(float32_products(self.switches.precision, self.device))
            cudnn = torch.backends.cudnn
            tf32 = cudnn.allow_tf32
            stack.enter_context(
                cudnn.flags(
                    enabled=cudnn.enabled, benchmark=self.switches.autotune, allow_tf32=tf32
                )
            )
            while not self._gradient():
                self.parts *= 2
                self.optimizer.zero_grad(set_to_none=True)
                torch.cuda.empty_cache()
            torch.nn.utils.clip_grad_norm_(self.parameters, 1.0, foreach=True)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            self.average.step(self.parameters)

    def _gradient(self) -> bool:
        """Return whether it fitted."""
        try:
            for first in range(0, self.samples, self.samples // self.parts):
                self._add(slice(first, first + self.samples // self.parts))
        except torch.OutOfMemoryError:
            if self.parts == self.samples or self.switches.compiled == "reduce-overhead":
                raise
            return False
        return True

    def _add(self, part: slice) -> None:
        if self.switches.compiled == "reduce-overhead":
            torch.compiler.cudagraph_mark_step_begin()
        batch = {name: value[part] for name, value in self.batch.items()}
        target = batch.pop("target")
        half = self.switches.precision == "bf16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            predicted = self.model(**batch).sample
        error = (predicted.float() - target).square().mean() / self.parts
        error.backward()


def compiled(unet: UNet2DConditionModel, mode: str | None, dry: bool) -> Callable[..., Any]:
    """Return the UNet compiled; a dry run traces it only, since its code takes minutes to make."""
    if mode is None:
        return unet
    torch.compiler.reset()
    if dry:
        return torch.compile(unet, backend="eager")  # type: ignore[return-value]
    return torch.compile(unet, mode=mode)  # type: ignore[return-value]


def example(
    unet: UNet2DConditionModel, sizes: Sizes, samples: int, device: torch.device
) -> dict[str, torch.Tensor]:
    """Return a batch of random latents: the arguments of the UNet, and a `target`."""
    side, config = sizes.side, unet.config
    with torch.device(device):
        batch = {
            "sample": torch.randn(samples, config["in_channels"], side, side),
            "timestep": torch.randint(0, 1000, (samples,)),
            "encoder_hidden_states": torch.randn(
                samples, sizes.tokens, config["cross_attention_dim"]
            ),
            "target": torch.randn(samples, config["out_channels"], side, side),
        }
        if config["num_class_embeds"] is not None:
            batch["class_labels"] = torch.zeros(samples, dtype=torch.int64)
    return batch


def flops(kind: str, sizes: Sizes) -> float:
    """Return the operations of a forward and a backward pass of one sample: multiplications and
    additions of matrix products and convolutions, counted without computing any."""
    device = torch.device("meta")
    unet = make_unet(kind, sizes, device)
    # The counter sees the products of plain attention on any device.
    unet.set_attn_processor(AttnProcessor())
    batch = example(unet, sizes, 1, device)
    target = batch.pop("target")
    with FlopCounterMode(display=False) as counter:
        (unet(**batch).sample - target).square().mean().backward()
    return float(counter.get_total_flops())
