"""Disks that fill up or go away, where a test may mount one."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path


def mount(*arguments: str) -> bool:
    """Call ``mount``; return whether it could."""
    try:
        return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0
    except OSError:
        return False


@contextlib.contextmanager
def filled(disk: Path, left: int) -> Iterator[None]:
    """Fill a disk but for so many bytes, for the block."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        file.truncate(max(0, ballast.stat().st_size - left))
    yield
    ballast.unlink()
