"""Compilation of the numeric kernels, cached on disk wherever the machine allows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` with numba, without the GIL.

    Sums may be reordered so that they vectorise; infinities and NaN keep their meaning. The
    machine code is cached beside the module or in the user's cache folder. A read-only
    installation without a home offers neither: there the kernel is compiled in every process.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract"}}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        return numba.njit(**options)(function)
