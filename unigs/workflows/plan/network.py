"""The UNet that a preset trains, measured without its weights: parameters, operations, activations.

Everything runs on torch's `meta` device, which knows shapes and no values: seconds and no memory,
whatever the size.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from unigs.config.training import TrainingConfig
from unigs.training.lora import add_adapters
from unigs.training.muon import Muon

# What autocast computes in the low precision and, on CUDA, what in float32.
_LOW: set[Any] = {
    torch.conv2d,
    torch.bmm,
    torch.baddbmm,
    torch.matmul,
    functional.linear,
    functional.scaled_dot_product_attention,
}
_FLOAT32: set[Any] = {functional.group_norm, functional.layer_norm}


@dataclass(frozen=True, slots=True)
class Device:
    """What the activations depend on.

    Attributes:
        low_precision: of autocast; float32 for none.
        cuda: norms stay in float32 under autocast.
        fused_attention: no table of attention is kept for backward.
    """

    low_precision: torch.dtype
    cuda: bool
    fused_attention: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    """An entry of what a forward pass keeps for backward, in its order: bytes of an activation,
    bytes that a recomputed part keeps while backward is in it, bytes of gradients that come."""

    activation: int = 0
    inner: int = 0
    gradient: int = 0


@dataclass(frozen=True, slots=True)
class Network:
    """Sizes of a UNet in training.

    Attributes:
        parameters: all of them; `trainable` those that learn, `matrices` those of them that Muon
            orthogonalises and `alike` the most of one shape, which it does at once (0 for AdamW).
        forward: operations of one sample, multiplications and additions; `sample` forward and
            backward.
        one, two: what a pass over one and over two samples keeps.
        casts: bytes of weights in the low precision that a forward pass holds and does not keep.
        idle: most bytes at a time, by sample, of a forward pass without backward.
    """

    parameters: int
    trainable: int
    matrices: int
    alike: int
    forward: int
    sample: int
    one: tuple[_Kept, ...]
    two: tuple[_Kept, ...]
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
        return max(most, kept + self.casts)


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
    with torch.no_grad(), _Pass(device) as idle:
        _forward(unet, 1, latent_shape, text_shape)
    kept = []
    for samples in (1, 2):
        with (
            _Pass(device) as made,
            _keeping(unet, made.casts, training.gradient_checkpointing) as entries,
        ):
            _forward(unet, samples, latent_shape, text_shape)
        kept.append(tuple(entries))
    casts = sum(cast.untyped_storage().nbytes() for cast in made.cast.values())
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


@contextmanager
def _keeping(
    unet: UNet2DConditionModel, casts: Mapping[int, nn.Parameter], checkpointing: bool
) -> Iterator[list[_Kept]]:
    """Note what the passes of the block keep for backward; where parts are recomputed, their inputs
    and what they keep when their turn comes."""
    entries: list[_Kept] = []
    # Storages are held, since another could get the number of one that is gone.
    seen: dict[int, Any] = {}
    parameters = {id(p.untyped_storage()): p for p in unet.parameters()}

    def keep(value: Tensor, into: list[_Kept]) -> None:
        storage = value.untyped_storage()
        if id(storage) in seen:
            return
        seen[id(storage)] = storage
        parameter = parameters.get(id(storage))
        learns = parameter if parameter is not None else casts.get(id(storage))
        into.append(
            _Kept(
                activation=0 if parameter is not None else storage.nbytes(),
                gradient=_gradient(learns),
            )
        )

    def recomputed(part: Callable[..., Any], *arguments: Any) -> Any:
        for argument in arguments:
            if isinstance(argument, Tensor):
                keep(argument, entries)
        inner: list[_Kept] = []
        with saved_tensors_hooks(lambda value: keep(value, inner), _nothing):
            result = part(*arguments)
        entries.append(
            _Kept(
                inner=sum(entry.activation for entry in inner)
                + 2 * max((entry.activation for entry in inner), default=0),
                gradient=sum(entry.gradient for entry in inner),
            )
        )
        return result

    with ExitStack() as stack:
        if checkpointing:
            unet.train()
            unet.enable_gradient_checkpointing(recomputed)
            stack.callback(unet.disable_gradient_checkpointing)
        stack.enter_context(saved_tensors_hooks(lambda value: keep(value, entries), _nothing))
        yield entries


def _gradient(parameter: nn.Parameter | None) -> int:
    if parameter is None or not parameter.requires_grad:
        return 0
    return parameter.untyped_storage().nbytes()


def _nothing(packed: None) -> Tensor:
    raise AssertionError("no backward pass is run")


class _Pass(TorchFunctionMode):
    """Casts as autocast does, which has no `meta` device, with an attention that keeps what a fused
    one does; `cast` holds those of weights, `casts` what their storages
    are of, `most` is the largest sum of its results' bytes at a time."""

    def __init__(self, device: Device) -> None:
        super().__init__()
        self._device = device
        self.cast: dict[nn.Parameter, Tensor] = {}
        self.casts: dict[int, nn.Parameter] = {}
        self._live: dict[int, Any] = {}
        self._now = 0
        self.most = 0

    def __torch_function__(
        self,
        function: Any,
        types: Any,
        arguments: tuple[Any, ...] = (),
        options: Mapping[str, Any] | None = None,
    ) -> Any:
        options = dict(options or {})
        low = self._device.low_precision
        if low != torch.float32 and function in _LOW:
            arguments = tuple(self._cast(value, low) for value in arguments)
            options = {name: self._cast(value, low) for name, value in options.items()}
        elif low != torch.float32 and self._device.cuda and function in _FLOAT32:
            arguments = tuple(self._cast(value, torch.float32) for value in arguments)
        if function is functional.scaled_dot_product_attention and self._device.fused_attention:
            result: Any = _FusedAttention.apply(*arguments[:3])
        else:
            result = function(*arguments, **options)
        for value in result if isinstance(result, tuple | list) else (result,):
            if isinstance(value, Tensor):
                self._track(value.untyped_storage())
        return result

    def _cast(self, value: Any, dtype: torch.dtype) -> Any:
        if not isinstance(value, Tensor) or not value.is_floating_point() or value.dtype == dtype:
            return value
        # Autocast keeps the casts of weights until the pass ends.
        if isinstance(value, nn.Parameter):
            if value not in self.cast:
                self.cast[value] = value.to(dtype)
                self.casts[id(self.cast[value].untyped_storage())] = value
            return self.cast[value]
        return value.to(dtype)

    def _track(self, storage: Any) -> None:
        number, size = id(storage), storage.nbytes()
        known = self._live.get(number)
        if known is not None and known() is storage:
            return

        def gone(reference: Any) -> None:
            self._now -= size

        self._live[number] = weakref.ref(storage, gone)
        self._now += size
        self.most = max(self.most, self._now)


class _FusedAttention(torch.autograd.Function):
    """Keeps queries, keys, values, result and a row of sums, as the fused kernels do."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        result = torch.empty_like(query)
        sums = torch.empty(query.shape[:-1], dtype=torch.float32, device=query.device)
        ctx.save_for_backward(query, key, value, result, sums)
        return result
