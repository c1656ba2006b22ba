"""A copy of the objects below an address in a folder of this machine, brought up to date.

In a store each preset has a copy of its own, so that a run reads what its own `raw` saw. Equal
files of copies of one address are links to one file: nothing writes into a file of a copy.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from unigs.errors import DataError, TransientError
from unigs.io.files import replacing
from unigs.remote.address import Address
from unigs.remote.listing import list_objects

# Of a store: the folder of such copies.
COPIES = "copies"
_THREADS = 8


@dataclass(frozen=True, slots=True)
class Copied:
    """Result of a copy.

    Attributes:
        looks: of the objects that the folder now holds, as of `ListedObjects`.
        copied, removed: how many files came, from the address or another copy, and went.
    """

    looks: Mapping[str, tuple[int, int]]
    copied: int
    removed: int


def copy_folder(store: Path, address: str, owner: str) -> Path:
    """Return where a store has its copy of what is below an address; it may not exist.

    Args:
        owner: the folder of the store that is built from it, ``coco_panoptic-tiny``.
    """
    return store / COPIES / f"{_name(address)}.{owner}"


def copies_of(store: Path, address: str) -> list[Path]:
    """Return all copies that a store has of what is below an address, the last used one first.
    One without an owner was made by an earlier version, for all of them."""
    places = [store / COPIES / _name(address), *(store / COPIES).glob(f"{_name(address)}.*")]
    found = [path for path in places if path.is_dir()]
    return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def fullest_copy(store: Path, address: str, owner: str) -> Path | None:
    """Return the copy of what is below an address that holds most files, the owner's own of equal
    ones: a copy may have broken off. None without a copy."""
    own = copy_folder(store, address, owner)
    found = sorted(copies_of(store, address), key=lambda copy: copy != own)
    return max(found, key=lambda copy: sum(1 for _ in copy.rglob("*")), default=None)


def _name(address: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", address.rpartition("://")[2]).strip("-")[-40:]
    return f"{name}-{hashlib.sha256(address.encode()).hexdigest()[:12]}"


def copy_objects(address: str, folder: Path, others: Sequence[Path] = ()) -> Copied:
    """Bring a folder up to date with the objects below an address, one process at a time.

    Each file has the time of its object, with the version in it (`unigs.remote.listing`): what has
    size and time of its object is not copied again, so that a copy that broke off is gone on from.
    The time of the folder tells when it was last asked for. What one of ``others``, which are
    copies of the address too, has is linked, not fetched.

    Raises:
        DataError: no objects there, the address cannot be reached, or the folder cannot hold them.
        TransientError: an object was replaced while it was read, or a file of the copy went.
    """
    with _alone(folder):
        listed = list_objects(address)
        if not listed.looks:
            raise DataError("no objects there", file=address, hint="check the address")
        removed = _remove_others(folder, listed.looks)
        wanted = [name for name, look in listed.looks.items() if _look(folder / name) != look]
        held = {
            name: other / name
            for other in others
            for name in wanted
            if _look(other / name) == listed.looks[name]
        }
        size = sum(listed.looks[name][0] for name in wanted if name not in held)
        _require_space(folder, address, size)
        source = Address(address)

        def fetch(name: str) -> None:
            size, changed = listed.looks[name]
            try:
                with replacing(folder / name) as partial:
                    if name in held and _linked(held[name], partial, (size, changed)):
                        return
                    source.get(name, partial)
                    if partial.stat().st_size != size:
                        raise _replaced(address, name)
                    os.utime(partial, ns=(changed, changed))
            except OSError as error:
                raise DataError(
                    f"cannot be written: {error.strerror or error}", file=folder / name,
                    hint="give the object another name, or free space",
                ) from error  # fmt: skip

        with ThreadPoolExecutor(_THREADS) as threads:
            try:
                for _ in threads.map(fetch, wanted):
                    pass
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise
        if wanted:
            now = list_objects(address).looks
            for name in wanted:
                if now.get(name) != listed.looks[name]:
                    (folder / name).unlink(missing_ok=True)
                    raise _replaced(address, name)
        # somebody may have removed what was here already
        for name, look in listed.looks.items():
            if _look(folder / name)[0] != look[0]:
                raise TransientError(
                    "went while the other files were copied", file=folder / name, hint="run again"
                )
    return Copied(listed.looks, len(wanted), removed)


def _linked(file: Path, partial: Path, look: tuple[int, int]) -> bool:
    """Make ``partial`` another name of a file of another copy; return whether it could be: that
    copy may be at work, and some disks have no links."""
    partial.unlink()
    with suppress(OSError):
        os.link(file, partial)
        if _look(partial) == look:
            return True
        partial.unlink()
    return False


def _replaced(address: str, name: str) -> TransientError:
    return TransientError(
        "was replaced while it was copied", file=f"{address}/{name}",
        hint="run again when all is delivered",
    )  # fmt: skip


def _remove_others(folder: Path, looks: Mapping[str, tuple[int, int]]) -> int:
    """Remove files, and folders, that no object has the name of; return how many files."""
    removed = 0
    for parent, _, names in os.walk(folder, topdown=False):
        place = Path(parent)
        for name in names:
            if (place / name).relative_to(folder).as_posix() not in looks:
                (place / name).unlink()
                removed += 1
        if place != folder and not any(place.iterdir()):
            place.rmdir()
    return removed


def _require_space(folder: Path, address: str, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DataError(
            f"{size / 1e9:.1f} GB are to be copied, {free / 1e9:.1f} GB are free in {folder}",
            file=address, hint="free space, or name a store on another disk",
        )  # fmt: skip


def _look(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except OSError:
        return -1, -1
    return state.st_size, state.st_mtime_ns


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            # the name of a build's lock: `unigs.workflows.upkeep.leftovers` takes it
            lock = held.enter_context(folder.with_name(f".{folder.name}.lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
            # who held it before may have taken the folder away
            folder.mkdir(exist_ok=True)
            os.utime(folder)
        except OSError as error:
            raise DataError(
                f"cannot be written: {error.strerror or error}", file=folder,
                hint="give another store",
            ) from error  # fmt: skip
        yield
