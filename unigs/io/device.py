"""Where a process computes, how much of it fits there at a time, and what to do when it does not.

The device is chosen here and nowhere else: the accelerator where there is one, else the CPU, unless
the user names one.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import torch

from unigs.errors import ConfigError, DeviceError, ModelError

logger = logging.getLogger(__name__)


class Sliced(Protocol):
    """A sequence, tensor or array."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Any: ...


S = TypeVar("S", bound=Sliced)
R = TypeVar("R")

# Of the accelerator's memory that is free: the other half is for what a formula does not know of,
# such as workspaces of convolutions and fragments.
SHARE_OF_FREE_MEMORY = 2
# Activations of a batch on the CPU, where larger ones leave its caches: TAESD encodes pictures of
# 128x128 in 25 ms each by 4, in 34 ms by 16. A constant, so that the memory of the moment does not
# decide the last digits of what is written.
CPU_ACTIVATIONS = 128 << 20
# How libraries say that memory ran out where they have no type for it: the CPU's allocator,
# page-locked memory, and the workspaces of cuBLAS and cuDNN.
_NO_MEMORY = (
    "can't allocate memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
# How they begin to say that the device is gone or broken, or the one of another process.
_FAILED = ("CUDA error", "CUDA driver error", "cuDNN error", "NCCL error")
# Faults of a program or of an installation in their words, which would be there the next time too.
_NOT_FAILED = ("device-side assert", "no kernel image")
#: Hint where weights do not fit a device.
MAKE_ROOM = "end what else uses the device, or give --device cpu"


def this_device(wanted: str | None = None) -> torch.device:
    """Return the device of this process.

    Args:
        wanted: as torch names them (`cpu`, `cuda`, `cuda:1`, `mps`); None for this process's
            accelerator, by its number on the machine (`LOCAL_RANK`), or else the CPU.

    Raises:
        ConfigError: there is no such device here.
    """
    number = int(os.environ.get("LOCAL_RANK", "0"))
    if wanted is None:
        return torch.device("cuda", number) if torch.cuda.is_available() else torch.device("cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise ConfigError(f"device {wanted!r}: unknown", hint="give cpu, cuda or cuda:1") from error
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if device.index is None:
            device = torch.device("cuda", number)
        if device.index >= count:
            found = f"this machine shows {count}" if count else "no CUDA here"
            raise ConfigError(
                f"device {wanted!r}: {found}",
                hint="give --device cpu, or install a driver and a torch for CUDA"
                if not count
                else f"give one of cuda:0 to cuda:{count - 1}",
            )
        return device
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"device {wanted!r}: {reason}", hint="give --device cpu") from error
    return device


def free_memory(device: torch.device) -> int:
    """Bytes that a process may still take on an accelerator, its cache of free blocks included."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def fitting(bytes_each: int, device: torch.device) -> int:
    """Return how many samples to compute at a time, at least 1.

    Args:
        bytes_each: activations of one sample that live at a time.
    """
    room = CPU_ACTIVATIONS
    if device.type == "cuda":
        room = free_memory(device) // SHARE_OF_FREE_MEMORY
    return max(1, room // max(bytes_each, 1))


def in_batches(values: S, size: int, compute: Callable[[S], R], what: str) -> list[R]:
    """Compute `values` in batches of `size`, or of less where the device runs out of memory.

    The size is halved as often as needed, with a warning, and what was done stays done.

    Args:
        what: for messages, e.g. "pictures".

    Returns:
        What `compute` gave, batch by batch.

    Raises:
        ConfigError: `size` is below 1.
        ModelError: a single one does not fit.
        DeviceError: the device fails.
    """
    if size < 1:
        raise ConfigError(f"batches of {size} {what}: give 1 or more")
    done: list[R] = []
    first = 0
    while first < len(values):
        batch = values[first : first + size]
        try:
            with failures_named():
                done.append(compute(batch))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(batch) == 1:
                raise ModelError(
                    f"out of memory with one of {len(values)} {what}",
                    hint="make them smaller, end what else uses the device, or give --device cpu",
                ) from error
            size = len(batch) // 2
        else:
            first += len(batch)
            continue
        # After the handler: the error's traceback held the tensors that did not fit.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        logger.warning(
            "out of memory with %d %s at a time: going on with %d", len(batch), what, size
        )
    return done


@contextmanager
def failures_named(
    hint: str = "run again, in a new process", more_memory: str | None = None
) -> Iterator[None]:
    """Let the failure of an accelerator within the block be an error of one line.

    Args:
        hint: what to do about it.
        more_memory: what to do where memory runs out; None leaves that error as it is.

    Raises:
        DeviceError: what the accelerator's libraries said.
        ModelError: out of memory, with `more_memory`.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            if more_memory is None:
                raise
            raise ModelError(f"out of memory: {memory_reason(error)}", hint=more_memory) from error
        said = str(error).strip()
        if not said.startswith(_FAILED) or any(fault in said for fault in _NOT_FAILED):
            raise
        raise DeviceError(f"the accelerator failed: {said.splitlines()[0]}", hint=hint) from error


def memory_reason(error: BaseException) -> str:
    """Return what was asked for; how torch's memory is shared out fills lines."""
    return ". ".join(str(error).strip().split(". ")[:2]) or type(error).__name__


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, on an accelerator or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in _NO_MEMORY)
