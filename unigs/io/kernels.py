"""Compilation of the numeric kernels, cached on disk wherever the machine allows it.

Numba takes longer for what a kernel says than for what it does: some 20 ms for each function of
numpy, each slice and each array that goes in or out. Kernels are therefore loops over scalars that
fill arrays made outside, and have one signature each: the functions around them see to the types.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import event
from numba.extending import register_jitable

PACKAGE = Path(__file__).parents[1]
# Sums may be reordered so that they vectorise; infinities and NaN keep their meaning.
FASTMATH = {"reassoc", "contract"}
# Every kernel of the modules imported so far.
KERNELS: list[Any] = []
log = logging.getLogger(__name__)


class _Announce(event.Listener):
    """Say once per process that kernels are compiled; one that comes from the cache is no event."""

    said = False

    def on_start(self, event: event.Event) -> None:
        function = event.data["dispatcher"].py_func
        if not self.said and function.__module__.startswith("unigs."):
            _Announce.said = True
            log.warning("compiling numeric kernels for this machine, once: up to ten seconds")

    def on_end(self, event: event.Event) -> None:
        pass


event.register("numba:compile", _Announce())


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` with numba, without the GIL.

    The machine code is cached next to the module or in the user's cache folder, and rebuilt when
    any kernel of the package changed. A read-only installation without a home offers no place:
    there the kernel is compiled in every process.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": FASTMATH, "no_cfunc_wrapper": True}
    try:
        compiled: Any = numba.njit(cache=True, **options)(function)
    except RuntimeError:
        compiled = numba.njit(**options)(function)
    else:
        # Numba looks at the kernel's own file only, but compiles functions of others into it.
        compiled._cache._cache_file._source_stamp = kernels_digest(PACKAGE)
    KERNELS.append(compiled)
    return compiled


def kernel_part(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let kernels call `function`, which is compiled into them and spared the way in from Python.

    Called from Python it runs as Python.
    """
    part: Callable[..., Any] = register_jitable(fastmath=FASTMATH)(function)
    return part


@cache
def kernels_digest(package: Path) -> str:
    """Return the SHA-256 of all files below `package` that define kernels."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        source = path.read_bytes()
        if b"import kernel" in source or path == Path(__file__):
            digest.update(source)
    return digest.hexdigest()
