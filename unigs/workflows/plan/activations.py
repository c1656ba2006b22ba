"""What a pass of a UNet keeps for its backward pass, from shapes alone.

Everything runs on torch's `meta` device, which knows shapes and no values. It has no autocast: its
casts are made here.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from torch.overrides import TorchFunctionMode

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
class Kept:
    """An entry of what a forward pass keeps for backward, in its order: bytes of an activation,
    bytes that a recomputed part keeps while backward is in it, bytes of gradients that come."""

    activation: int = 0
    inner: int = 0
    gradient: int = 0


@contextmanager
def keeping(
    unet: UNet2DConditionModel, casts: Mapping[int, nn.Parameter], checkpointing: bool
) -> Iterator[list[Kept]]:
    """Note what the passes of the block keep for backward; where parts are recomputed, their inputs
    and what they keep when their turn comes."""
    entries: list[Kept] = []
    # Storages are held, since another could get the number of one that is gone.
    seen: dict[int, Any] = {}
    parameters = {id(p.untyped_storage()): p for p in unet.parameters()}

    def keep(value: Tensor, into: list[Kept]) -> None:
        storage = value.untyped_storage()
        if id(storage) in seen:
            return
        seen[id(storage)] = storage
        parameter = parameters.get(id(storage))
        learns = parameter if parameter is not None else casts.get(id(storage))
        into.append(
            Kept(
                activation=0 if parameter is not None else storage.nbytes(),
                gradient=_gradient(learns),
            )
        )

    def recomputed(part: Callable[..., Any], *arguments: Any) -> Any:
        for argument in arguments:
            if isinstance(argument, Tensor):
                keep(argument, entries)
        inner: list[Kept] = []
        with saved_tensors_hooks(lambda value: keep(value, inner), _nothing):
            result = part(*arguments)
        held = accumulate(entry.activation for entry in inner)
        most = (sum_ + 2 * entry.activation for sum_, entry in zip(held, inner, strict=True))
        # The gradient of its result is there when backward comes to it.
        results = result if isinstance(result, tuple) else (result,)
        after = sum(value.nbytes for value in results if isinstance(value, Tensor))
        entries.append(
            Kept(
                inner=max(most, default=0) + after, gradient=sum(entry.gradient for entry in inner)
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


class Pass(TorchFunctionMode):
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
