"""Location of a folder of shards: a local path or an fsspec address (``s3://...``)."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from unigs.remote.address import Address, is_address
from unigs.shards.manifest import MANIFEST, SAMPLES


@dataclass(frozen=True, slots=True)
class ShardPlace:
    """An opened place.

    Attributes:
        name: folder or address, for messages.
        folder: holds manifest.json and samples.parquet; of an address, copies of them.
        open: opens a file of the place by name, for reading from its first byte; OSError if it
            is not there.
        names: of all files directly in the place.
    """

    name: str
    folder: Path
    open: Callable[[str], BinaryIO]
    names: frozenset[str]


@contextlib.contextmanager
def opened(place: Path | str) -> Iterator[ShardPlace]:
    """A folder, or an address, to read shards from one after the other.

    Raises DataError when the address cannot be reached.
    """
    if isinstance(place, Path) or not is_address(place):
        folder = Path(place)
        names = frozenset(p.name for p in folder.iterdir()) if folder.is_dir() else frozenset()
        yield ShardPlace(str(folder), folder, lambda name: (folder / name).open("rb"), names)
        return
    address = Address(place)
    with tempfile.TemporaryDirectory() as copies:
        names = frozenset(address.names())
        for name in names & {MANIFEST, SAMPLES}:
            address.get(name, Path(copies, name))
        yield ShardPlace(place, Path(copies), address.open, names)
