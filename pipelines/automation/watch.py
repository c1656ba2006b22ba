"""Content digests of the annotation files of a data set, by split."""

import hashlib
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

from assets_defs.support.partitions import SPLITS
from unigs.errors import DataError
from unigs.io.files import replacing

ANNOTATION_SUFFIXES = {".json", ".csv", ".png", ".txt"}

# Hidden names; "a (1).json", "a copy 2.json", "Copy of a.json", "a.bak.json", "backup/a.json".
_BESIDE = re.compile(
    r"^\.|^#|\s\(\d+\)(\.|$)|\bcopy( \d+| \(\d+\))?(\.\w+)?$|^copy of |"
    r"(^|[\s._-])(bak|backup|backups|orig|old|tmp|part)(\.\w+)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Watched:
    """One look at the annotations: ``digests`` by split, or why there are none yet."""

    digests: dict[str, str]
    files: int
    waiting_for: str = ""


def watch(
    root: Path,
    cache_file: Path,
    *,
    settle_seconds: float = 5.0,
    pause_seconds: float = 1.0,
    budget_seconds: float = 40.0,
) -> Watched:
    """Digest every annotation file below ``root``; unchanged files (size, time) from the cache.

    Nothing is digested that may still be being written: a file must show the same size and time
    in two looks. The second is ``pause_seconds`` later, or in the next call for a file dated less
    than ``settle_seconds`` ago or in the future, as clocks of other machines have it. Reading
    stops after ``budget_seconds`` to go on in the next call. Both give no digests, but a reason.
    """
    if not root.is_dir():
        raise DataError("no such folder", file=root, hint="check the root of the data set")
    cache = _read(cache_file)
    begin, now = time.monotonic(), time.time()
    looks = {path: _look(path) for path in _annotation_files(root)}
    names = {path: path.relative_to(root).as_posix() for path in looks}
    if any(cache.get(names[path], [])[:2] != look for path, look in looks.items()):
        time.sleep(pause_seconds)
    seen: dict[str, list] = {}
    waiting_for = ""
    for path, look in looks.items():
        name, digest = names[path], None
        known = cache.get(name, [])
        again = known[:2] == look
        if again and known[2] is not None:
            digest = known[2]
        elif time.monotonic() - begin > budget_seconds:
            waiting_for = "there is more to read"
        elif (again or _age(look, now) > settle_seconds) and _look(path) == look:
            digest = _digest_of(path, look)
        if digest is None and not waiting_for:
            waiting_for = f"{name} is being written"
        seen[name] = [*look, digest]
    _write(cache_file, seen)
    if waiting_for:
        done = sum(entry[2] is not None for entry in seen.values())
        return Watched({}, len(seen), f"{waiting_for}, {done} of {len(seen)} files are read")
    return Watched({split: _digest(seen, split) for split in SPLITS}, len(seen))


def _look(path: Path) -> list[int]:
    """Size and time of a file; [-1, -1] of one that has gone."""
    try:
        state = path.stat()
    except OSError:
        return [-1, -1]
    return [state.st_size, state.st_mtime_ns]


def _age(look: list[int], now: float) -> float:
    return now - look[1] / 1e9


def _digest_of(path: Path, look: list[int]) -> str | None:
    """Return the SHA-256 of a file, None when it changed meanwhile."""
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
    return digest if _look(path) == look else None


def splits_of(name: str) -> tuple[str, ...]:
    """Return the splits a relative path speaks of; all of them when it names none."""
    named = tuple(split for split in SPLITS if split in name)
    return named or SPLITS


def _annotation_files(root: Path) -> list[Path]:
    """Return the files that may be annotations: not those that systems and editors leave beside
    them (``._a.json``, ``a.json~``), nor copies that somebody keeps there."""
    top = root / "annotations"
    top = top if top.is_dir() else root
    return sorted(
        path
        for path in top.rglob("*")
        if path.suffix.lower() in ANNOTATION_SUFFIXES
        and path.is_file()
        and not any(_BESIDE.search(part) for part in path.relative_to(top).parts)
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
    with replacing(cache_file) as partial:
        partial.write_text(json.dumps(seen), encoding="utf-8")
