"""Location of a folder of shards: a local path or an fsspec address (``s3://...``)."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from fsspec.core import url_to_fs

from unigs.errors import DataError, UnigsError
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
    if isinstance(place, Path) or "://" not in place:
        folder = Path(place)
        names = frozenset(p.name for p in folder.iterdir()) if folder.is_dir() else frozenset()
        yield ShardPlace(str(folder), folder, lambda name: (folder / name).open("rb"), names)
        return
    with reaching(place) as (files, base), tempfile.TemporaryDirectory() as copies:
        names = frozenset(names_at(files, base))
        for name in names & {MANIFEST, SAMPLES}:
            files.get_file(f"{base}/{name}", f"{copies}/{name}")
        yield ShardPlace(place, Path(copies), lambda name: files.open(f"{base}/{name}"), names)


@contextlib.contextmanager
def reaching(address: str) -> Iterator[tuple[Any, str]]:
    """The file system of an address and its path there; raise DataError for whatever goes wrong."""
    try:
        files, base = url_to_fs(address)
        yield files, base.rstrip("/")
    except UnigsError:
        raise
    # each kind of bucket raises types of its own: OSError, ImportError, botocore's, aiohttp's
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"cannot be reached: {reason}", file=address, hint="check address and credentials"
        ) from error


def names_at(files: Any, base: str) -> set[str]:
    """Return the names of the files directly at a path of a file system, as it is now."""
    files.invalidate_cache()
    if not files.exists(base):
        return set()
    return {str(name).rsplit("/", 1)[-1] for name in files.ls(base, detail=False)}
