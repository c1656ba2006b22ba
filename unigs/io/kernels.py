"""Compilation of the numeric kernels, cached on disk wherever the machine allows it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import event

PACKAGE = Path(__file__).parents[1]
log = logging.getLogger(__name__)


class _Announce(event.Listener):
    """Say once per process that kernels are compiled; one that comes from the cache is no event."""

    said = False

    def on_start(self, event: event.Event) -> None:
        function = event.data["dispatcher"].py_func
        if not self.said and function.__module__.startswith("unigs."):
            _Announce.said = True
            log.warning("compiling numeric kernels for this machine, once: up to half a minute")

    def on_end(self, event: event.Event) -> None:
        pass


event.register("numba:compile", _Announce())


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` with numba, without the GIL.

    Sums may be reordered so that they vectorise; infinities and NaN keep their meaning. The
    machine code is cached next to the module or in the user's cache folder, and rebuilt when
    any kernel of the package changed. A read-only installation without a home offers no place:
    there the kernel is compiled in every process.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract"}}
    try:
        compiled: Any = numba.njit(cache=True, **options)(function)
    except RuntimeError:
        return numba.njit(**options)(function)
    # Numba looks at the kernel's own file only, but compiles kernels of other files into it.
    compiled._cache._cache_file._source_stamp = kernels_digest(PACKAGE)
    return compiled


@cache
def kernels_digest(package: Path) -> str:
    """Return the SHA-256 of all files below `package` that define kernels."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        source = path.read_bytes()
        if b"import kernel" in source or path == Path(__file__):
            digest.update(source)
    return digest.hexdigest()
