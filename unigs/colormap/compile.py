"""Compilation of the numeric kernels, cached on disk wherever the machine allows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` with numba, without the GIL and without fast-math.

    The machine code is cached beside the module or in the user's cache folder. A read-only
    installation without a home offers neither: there the kernel is compiled in every process.
    """
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True)(function)
