"""What systems and tools leave beside the files that are meant, and listings without it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# of macOS archives, Windows and Synology's NAS, in lower case
_LEFT_BESIDE = frozenset({"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir"})


def is_side_file(name: str) -> bool:
    """Return whether a name is that of a file or folder which a system or an editor leaves beside
    what is meant: hidden, a backup copy (``a.json~``), or known."""
    return name.startswith(".") or name.endswith("~") or name.lower() in _LEFT_BESIDE


def files_below(folder: Path, below: bool = True) -> Iterator[Path]:
    """Yield the files of a folder, sorted, and those of the folders below it, one by one.

    Side files and folders are skipped. No link to a folder is followed.

    Args:
        folder: where to look.
        below: look into its folders too.
    """
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if below and not is_side_file(name))
        yield from (Path(parent, name) for name in sorted(files) if not is_side_file(name))
