"""Records of stage outputs, and verification of the outputs against them.

``kept.json`` holds the fingerprint of everything a folder depends on, the SHA-256 of every file,
the folder's digest and its metadata. A folder that holds a sealed manifest of shards is verified by
that, which knows the sample a byte belongs to. Verifying reads every byte, at the speed of SHA-256
on one core (0.5 to 2 GB a second) or of the disk, whichever is less.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from unigs.errors import DataError
from unigs.io.side_files import files_below
from unigs.lineage.history import RECORD

STARTED = "started"
# Raised when the fields of a record change: every folder is then built again.
FORMAT = 2
_FIELDS = {"fingerprint", "seconds", "sealed", "files", "digest", "metadata"}

# What this process has read to the last byte, by size and time of each file. A run is a process of
# its own: within it a folder is read once, in the next one again.
_VERIFIED: dict[Path, list[tuple[str, int, int]]] = {}


def fingerprint(**inputs: Any) -> str:
    """Return the SHA-256 over ``inputs`` as JSON; values that are no JSON are an error."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return the record, or None where there is none of this version."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        return None
    return record if record.keys() >= _FIELDS else None


def build_record(folder: Path) -> dict[str, Any]:
    """Return the whole record of a folder's content; raise DataError when it is not built yet."""
    record = read_record(folder)
    if record is None:
        raise DataError(f"{folder} is not built yet", hint="materialise its asset first")
    return record


def built_digest(folder: Path) -> str:
    """Return the digest of a folder that is up to date.

    Raises DataError when it is not built yet.
    """
    return build_record(folder)["digest"]


def files_of(folder: Path) -> dict[str, Path]:
    """Relative name -> path of the files that a record speaks of; those that systems and tools
    leave beside them are ignored."""
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(files_below(folder))
        if path.is_file() and path.name not in (RECORD, STARTED)
    }


def digests_of(folder: Path) -> dict[str, str]:
    """Relative name -> SHA-256 of the files of a folder."""
    return {name: _sha256(path) for name, path in files_of(folder).items()}


def is_complete(folder: Path, record: Mapping[str, Any]) -> bool:
    """Return whether no file was added or lost since the record was written."""
    return set(record["files"]) == set(files_of(folder))


def damages(folder: Path) -> list[tuple[Path, str]]:
    """Find checksum mismatches, as (file, key of the sample); every byte is read.

    The key is "" where no sample is meant. DataError when the folder is not built, or has lost
    the manifest of its shards.
    """
    record = build_record(folder)
    if not record["sealed"]:
        return [(folder / name, "") for name in _changed(folder, record)]
    from unigs.shards.manifest import MANIFEST, read_manifest
    from unigs.shards.verify import verify_shards

    if MANIFEST not in record["files"]:
        return []
    found = [(folder / name, key) for name, key in verify_shards(folder)]
    if not found and read_manifest(folder).digest != record["digest"]:
        return [(folder / MANIFEST, "")]
    return found


def verify(folders: Iterable[Path]) -> None:
    """Verify the checksums of folders, once per process.

    Raises:
        DataError: checksum mismatch; it names the first file and sample.
    """
    for folder in folders:
        looks = _look(folder)
        if _VERIFIED.get(folder) != looks:
            for file, key in damages(folder):
                raise damaged(file, key)
            _VERIFIED[folder] = looks


def damaged(file: Path, key: str = "") -> DataError:
    """Build the error for a checksum mismatch of a file, or of a sample in a shard."""
    return DataError(
        "checksum mismatch: not the bytes that were written",
        file=file,
        record=key or None,
        hint="delete the file and run again: what it belongs to is built again",
    )


def _look(folder: Path) -> list[tuple[str, int, int]]:
    states = ((name, path.stat()) for name, path in files_of(folder).items())
    return [(name, state.st_size, state.st_mtime_ns) for name, state in states]


def _changed(folder: Path, record: Mapping[str, Any]) -> Iterator[str]:
    for name, digest in record["files"].items():
        if _sha256(folder / name) != digest:
            yield name


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return "unreadable"
