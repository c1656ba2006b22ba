"""Machine capabilities, and every choice that depends on them.

Dtypes, memory formats, attention kernels and the number of processes are chosen here and nowhere
else. Processor flags do not tell: a kernel library may lack the fast path, or be told not to take
it (``ONEDNN_MAX_CPU_ISA``). So a product of matrices is timed in float32 and in bfloat16, once a
process, in a fraction of a second. The choice changes results by rounding alone and is part of no
fingerprint.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import torch

# Large enough to be more than the call's overhead, small enough where bfloat16 is emulated without
# any vector instruction (0.2 GFLOP/s have been seen): 0.2 s for such a product.
PROBE_SIDE = 256
PROBE_SECONDS = 0.1
# Native bfloat16 is 2 to 20 times as fast as float32, emulated bfloat16 10 to 500 times as slow:
# any bound between tells them apart, on a busy machine too.
WORTHWHILE = 1.3


@dataclass(frozen=True, slots=True)
class Machine:
    """What one kind of device does well.

    Attributes:
        device_type: `cpu`, `cuda`, ...
        low_precision: bfloat16 where the device multiplies it faster than float32, else float32:
            the dtype of everything that bears bfloat16's rounding.
        fused_attention: scaled-dot-product kernels beat plain products on short sequences.
        convolution_format: memory layout of activations in which convolutions are fastest.
        weight_format: the same of weights.
        float32_rate, bfloat16_rate: FLOP/s of one large product; None where nothing was timed.
    """

    device_type: str
    low_precision: torch.dtype
    fused_attention: bool
    convolution_format: torch.memory_format
    float32_rate: float | None = None
    bfloat16_rate: float | None = None
    weight_format: torch.memory_format = torch.contiguous_format

    def __str__(self) -> str:
        precision = str(self.low_precision).removeprefix("torch.")
        if self.float32_rate is None or self.bfloat16_rate is None:
            return f"{self.device_type}: {precision}"
        return (
            f"{self.device_type}: {precision} (float32 {self.float32_rate / 1e9:.0f} GFLOP/s, "
            f"bfloat16 {self.bfloat16_rate / 1e9:.0f} GFLOP/s)"
        )


def machine(device: torch.device | str = "cpu") -> Machine:
    """Return what `device` does well; timed at the first call of a process."""
    return _machine(torch.device(device).type)


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Return the autocast context of a precision: `fp32`, `tf32`, `bf16`, `fp16`, or `auto` for
    what the device does well."""
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}
    dtypes = {"fp32": torch.float32, "tf32": torch.float32, **half}
    dtype = machine(device).low_precision if precision == "auto" else dtypes[precision]
    enabled = dtype != torch.float32
    return torch.autocast(device.type, dtype if enabled else torch.bfloat16, enabled=enabled)


@contextmanager
def float32_products(precision: str, device: torch.device) -> Iterator[None]:
    """Products and convolutions of float32 on CUDA: exact for `fp32`, in TF32 (10 bits after the
    point, the range of float32) for every other precision; as torch was told on other devices."""
    if device.type != "cuda":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest" if precision == "fp32" else "high")
    # By default torch takes TF32 for convolutions, but not for products.
    cudnn = torch.backends.cudnn
    try:
        with cudnn.flags(
            enabled=cudnn.enabled,
            benchmark=cudnn.benchmark,
            deterministic=cudnn.deterministic,
            allow_tf32=precision != "fp32",
        ):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processes(wanted: int) -> int:
    """Return how many of the `wanted` processes have a device of their own: an accelerator each
    where there is one, else a core each. A divisor of `wanted`, so that shares of a batch stay
    whole."""
    places = torch.cuda.device_count() if torch.cuda.is_available() else cores()
    return max(count for count in range(1, wanted + 1) if wanted % count == 0 and count <= places)


def encoding_processes(device: torch.device) -> int:
    """Return how many processes to encode a data set in: one a core, or two an accelerator, of
    which one reads samples while the other encodes."""
    if device.type == "cuda":
        return min(2 * torch.cuda.device_count(), cores())
    return cores() if device.type == "cpu" else 1


@cache
def _machine(device_type: str) -> Machine:
    if device_type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        low = torch.bfloat16 if native else torch.float32
        layout = torch.channels_last
        return Machine(device_type, low, True, layout, weight_format=layout)
    if device_type != "cpu":
        return Machine(device_type, torch.float32, True, torch.contiguous_format)
    float32, bfloat16 = _rate(torch.float32), _rate(torch.bfloat16)
    low = torch.bfloat16 if bfloat16 > WORTHWHILE * float32 else torch.float32
    # The fused kernel is several times slower than plain products on a few tokens; oneDNN lays
    # weights out as it needs them.
    return Machine(device_type, low, False, torch.channels_last, float32, bfloat16)


def _rate(dtype: torch.dtype) -> float:
    """FLOP/s of a square product on one thread: the best of a few, since others may use it too."""
    threads = torch.get_num_threads()
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(PROBE_SIDE, PROBE_SIDE, generator=generator).to(dtype)
    seconds: list[float] = []
    try:
        # Threads that compete for busy cores stall each other: one tells the two kernels apart.
        torch.set_num_threads(1)
        with torch.inference_mode():
            values @ values
            while sum(seconds) < PROBE_SECONDS:
                started = time.perf_counter()
                values @ values
                seconds.append(time.perf_counter() - started)
    finally:
        torch.set_num_threads(threads)
    return 2 * PROBE_SIDE**3 / min(seconds)
