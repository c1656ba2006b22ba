"""Parameters, gradients, moments and averages sharded over the processes of a group (FSDP).

A process holds its share of each and, while a module computes, that module's whole parameters.
Checkpoints hold whole tensors, so that a run can resume in another number of processes, sharded or
not.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from unigs.errors import ConfigError
from unigs.io.device import this_device
from unigs.io.distributed import rank_and_world

# What is gathered at once: large enough for few exchanges, small enough that little is whole.
_UNITS = ("ResnetBlock2D", "Transformer2DModel")
# FSDP2 marks its exchanges by events, which torch 2.6 has on accelerators alone.
SHARDS_ON_CPU = hasattr(torch.cpu.Stream, "record_event")


def sharded(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """Return a copy of `unet` that is spread over the group.

    `unet` gives its own weights up (they go to the meta device), since two whole models are what
    sharding shall save; `leave_in` puts the learned ones back.

    Raises:
        ConfigError: on the CPU, this version of torch cannot do it.
    """
    if this_device().type == "cpu" and not SHARDS_ON_CPU:
        raise ConfigError(
            f"training.parallel=fsdp: torch {torch.__version__} cannot do it on the CPU",
            hint="take ddp, or a newer torch",
        )
    spread = copy.deepcopy(unet)
    unet.to("meta")  # type: ignore[arg-type]
    mesh = init_device_mesh(this_device().type, (rank_and_world()[1],))
    for module in spread.modules():
        if type(module).__name__ in _UNITS:
            fully_shard(module, mesh=mesh)
    # The root is not spread again after a forward pass unless told so: the averages of a
    # validation, which has no backward pass, would stay in it.
    fully_shard(spread, mesh=mesh, reshard_after_forward=True)
    return spread


def leave_in(unet: UNet2DConditionModel, spread: nn.Module) -> None:
    """Give `unet` the whole weights of its sharded copy, in every process."""
    unet.load_state_dict({n: _whole(v) for n, v in spread.state_dict().items()}, assign=True)


def whole_in_first(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies of the whole tensors, of any shape, on the CPU in process 0, and nothing in the
    others; all of them must call this."""
    kept = {}
    for name, value in tensors.items():
        full = _whole(value)
        if rank_and_world()[0] == 0:
            kept[name] = full.detach().to("cpu", copy=True)
    return kept


def spread_like(value: Tensor, like: Tensor) -> Tensor:
    """Return this process's share of a whole tensor if `like`, of the same shape, is spread over
    the group, else the tensor itself."""
    if not isinstance(like, DTensor) or value.shape != like.shape:
        return value
    return distribute_tensor(value, like.device_mesh, like.placements)


@contextmanager
def gradient_exchange(model: nn.Module, now: bool) -> Iterator[None]:
    """A backward pass whose gradients are exchanged with the group only if `now`."""
    if isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(now)
    waits = isinstance(model, DistributedDataParallel) and not now
    with model.no_sync() if waits else nullcontext():  # type: ignore[operator]
        yield


def _whole(value: Tensor) -> Tensor:
    return value.full_tensor() if isinstance(value, DTensor) else value
