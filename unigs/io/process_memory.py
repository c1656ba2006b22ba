"""Memory of this process: the most it has used so far, and whether it keeps what it frees."""

from __future__ import annotations

import ctypes
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

# Parameters of mallopt(3), malloc.h of glibc.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
# Largest that mallopt takes (half a heap on 64 bits), and where glibc's own, which grow with the
# blocks that a program frees, end.
_LARGEST_MMAP_THRESHOLD = 32 << 20
_USUAL_TRIM_THRESHOLD = 2 * _LARGEST_MMAP_THRESHOLD
_NEVER = 2**31 - 1
_STATUS = Path("/proc/self/status")
_inside = 0


def peak_memory(device: torch.device) -> int:
    """Bytes: allocated on an accelerator, resident of the whole process on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    # Linux keeps ru_maxrss across exec(2): a small process that a large one started would report
    # the large one's. VmHWM belongs to the program that runs now.
    if _STATUS.exists() and (peak := re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())):
        return int(peak[1]) * 1024
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Within the block, or the function that it decorates, freed memory stays with the process for
    its next allocation; afterwards it goes back to the system.

    glibc returns the end of its heap whenever enough of it is free, and tensors are freed by the
    hundred in each step: the system then clears the same pages again and again, which costs a
    tenth of a training step on the CPU (`benchmarks/speed/freed_memory.py`). Blocks above 32 MiB
    still come and go. Results do not change. Does nothing without glibc.
    """
    global _inside
    libc = _glibc()
    if libc is None:
        yield
        return
    if not _inside:
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        libc.mallopt(_TRIM_THRESHOLD, _NEVER)
    _inside += 1
    try:
        yield
    finally:
        _inside -= 1
        if not _inside:
            libc.mallopt(_TRIM_THRESHOLD, _USUAL_TRIM_THRESHOLD)
            libc.malloc_trim(0)


def _glibc() -> Any:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None
