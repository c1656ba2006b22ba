"""Names, sizes, times and versions of the objects below an address, as of files below a folder.

The version of an object is its ETag, or what its server has in place of one. It takes part in the
time: servers tell times in whole seconds, and an object may be replaced twice in one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from unigs.errors import DataError
from unigs.io.side_files import is_side_file
from unigs.remote.address import Address

# By what name fsspec's file systems tell it: s3fs, gcsfs, adlfs, memory, local.
_VERSIONS = ("ETag", "etag", "md5Hash")
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "created")
# These are ways, and no hidden files.
_UPWARDS = (".", "..")
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class ListedObjects:
    """What lies below an address.

    Attributes:
        looks: name relative to the address -> (bytes, time of change in ns). The fraction of the
            second, a whole number of microseconds, is that of the version.
        versions: name -> version.
    """

    looks: Mapping[str, tuple[int, int]]
    versions: Mapping[str, str]


def list_objects(address: str) -> ListedObjects:
    """Return the objects below an address; side files are left out, as by `list_files`, and so are
    empty objects that stand for folders (``annotations/``).

    Raises:
        DataError: the address cannot be reached, or a name cannot be that of a file below a folder.
    """
    looks: dict[str, tuple[int, int]] = {}
    versions: dict[str, str] = {}
    for name, said in Address(address).below().items():
        parts = name.split("/")
        if said.get("type") == "directory":
            continue
        # consoles and tools put empty objects in the place of folders
        if parts[-1] == "" and not said.get("size"):
            continue
        if any(is_side_file(part) for part in parts if part not in _UPWARDS):
            continue
        if {"", *_UPWARDS} & {*parts} or "\0" in name:
            raise DataError(
                "cannot be the name of a file in a folder", file=f"{address}/{name}",
                hint="give the object another name",
            )  # fmt: skip
        seconds = _seconds(next((said[key] for key in _TIMES if said.get(key)), 0.0))
        version = str(next((said[key] for key in _VERSIONS if said.get(key)), seconds)).strip('"')
        digest = hashlib.sha256(version.encode()).hexdigest()
        fraction = int(digest[:12], 16) % _MICROSECONDS * 1000
        looks[name] = int(said.get("size") or 0), int(seconds) * 1_000_000_000 + fraction
        versions[name] = version
    return ListedObjects(looks, versions)


def _seconds(time: Any) -> float:
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time)
        except ValueError:
            return 0.0
    return time.timestamp() if isinstance(time, datetime) else float(time)
