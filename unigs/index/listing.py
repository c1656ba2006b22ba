"""Names, sizes and times of the files of a data set, and a digest of them."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from unigs.io.side_files import is_side_file


def list_files(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the files below a folder: relative POSIX name -> (bytes, time of change in ns).

    Side files are left out and no link to a folder is followed, as in `files_below`. What vanishes
    while it is looked at is left out. One directory entry costs some microseconds: 100,000 files
    are listed in less than a second where the file system has their states at hand.
    """
    found: dict[str, tuple[int, int]] = {}
    waiting = [("", os.fspath(folder))]
    while waiting:
        prefix, place = waiting.pop()
        try:
            entries = os.scandir(place)
        except OSError:
            continue
        with entries:
            for entry in entries:
                name = entry.name
                if is_side_file(name):
                    continue
                try:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((f"{prefix}{name}/", entry.path))
                        continue
                    state = entry.stat()
                except OSError:
                    continue
                if stat.S_ISREG(state.st_mode):
                    found[prefix + name] = (state.st_size, state.st_mtime_ns)
    return found


def listing_digest(files: Mapping[str, tuple[int, int]]) -> str:
    """Return the SHA-256 (hex) of a listing, in the order of its folders and names."""
    digest = hashlib.sha256()
    # a folder stands before files whose names only begin like its own
    for name in sorted(files, key=lambda name: name.replace("/", "\0")):
        size, changed = files[name]
        digest.update(f"{name!r} {size} {changed}\n".encode())
    return digest.hexdigest()
