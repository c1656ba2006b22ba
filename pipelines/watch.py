"""Content digests of the annotation files of a data set, by split."""

import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from assets_defs.partitions import SPLITS
from unigs.errors import DataError

ANNOTATION_SUFFIXES = {".json", ".csv", ".png", ".txt"}


@dataclass(frozen=True, slots=True)
class Watched:
    """One look at the annotations: ``digests`` by split, or why there are none yet."""

    digests: dict[str, str]
    files: int
    waiting_for: str = ""


def watch(
    root: Path, cache_file: Path, *, settle_seconds: float = 5.0, budget_seconds: float = 40.0
) -> Watched:
    """Digest every annotation file below ``root``; unchanged files (size, time) from the cache.

    A file changed less than ``settle_seconds`` ago may still be being written, and reading stops
    after ``budget_seconds`` to go on in the next call: both give no digests, but a reason.
    """
    if not root.is_dir():
        raise DataError("no such folder", file=root, hint="check the root of the data set")
    cache = _read(cache_file)
    begin, now = time.monotonic(), time.time()
    seen: dict[str, list] = {}
    waiting_for = ""
    for path in _annotation_files(root):
        state = path.stat()
        name = path.relative_to(root).as_posix()
        known = cache.get(name)
        if known and known[:2] == [state.st_size, state.st_mtime_ns]:
            seen[name] = known
        elif now - state.st_mtime < settle_seconds:
            waiting_for = f"{name} is being written"
        elif time.monotonic() - begin > budget_seconds:
            waiting_for = f"read {len(seen)} files so far"
            seen.update({key: value for key, value in cache.items() if key not in seen})
            break
        else:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            seen[name] = [state.st_size, state.st_mtime_ns, digest]
    _write(cache_file, seen)
    if waiting_for:
        return Watched({}, len(seen), waiting_for)
    return Watched({split: _digest(seen, split) for split in SPLITS}, len(seen))


def splits_of(name: str) -> tuple[str, ...]:
    """The splits a relative path speaks of; all of them when it names none."""
    named = tuple(split for split in SPLITS if split in name)
    return named or SPLITS


def _annotation_files(root: Path) -> list[Path]:
    top = root / "annotations"
    return sorted(
        path
        for path in (top if top.is_dir() else root).rglob("*")
        if path.suffix.lower() in ANNOTATION_SUFFIXES and path.is_file()
    )


def _digest(seen: dict[str, list], split: str) -> str:
    content = [[name, seen[name][2]] for name in sorted(seen) if split in splits_of(name)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _read(cache_file: Path) -> dict[str, list]:
    try:
        return json.loads(cache_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _write(cache_file: Path, seen: dict[str, list]) -> None:
    cache_file.parent.mkdir(parents=True, exist_ok=True)
    part = cache_file.with_suffix(".part")
    part.write_text(json.dumps(seen), encoding="utf-8")
    os.replace(part, cache_file)
