"""Whether the files of a data set are complete, and what they hold, by split.

Every file counts. Annotation files count by their content; images, archives and all else by name,
size and time of change, since reading them at each look would cost more than building again. All
objects of a bucket count by their version, which its listing tells.
"""

import hashlib
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from assets_defs.arrival.roots import digest_of_listing
from assets_defs.run.partitions import SPLITS
from pipelines.automation.attempts import said_time
from pipelines.automation.file_names import annotation_names, is_copy, splits_of
from pipelines.automation.file_state import Files, Seen, read_files, read_seen, write_state
from pipelines.automation.places import Look, let_rest, listed_at, resting
from unigs.io.files import sha256_of

# A file of this name at the top says that everything older than it is complete.
MARKER = "_SUCCESS"

Listing = Mapping[str, Look]


@dataclass(frozen=True, slots=True)
class Watched:
    """One look at a data set.

    Attributes:
        listing: digest of names, sizes and times, as the asset `raw` takes it.
        files: how many there are.
        content: split -> digest of what its files hold; None while they are not complete.
        waiting_for: why they are not, a sentence.
        contents: listing -> content of this look and of earlier ones.
    """

    listing: str
    files: int
    content: dict[str, str] | None
    waiting_for: str
    contents: Mapping[str, dict[str, str]]


def watch(
    root: Path | str,
    state_file: Path,
    now: float,
    *,
    settle_seconds: float = 5.0,
    budget_seconds: float = 40.0,
) -> Watched:
    """Look at every file below ``root``, and read the annotation files that changed.

    Nothing is read that may still be being written: two looks, ``settle_seconds`` apart at least,
    must show the same names, sizes and times, or a new `MARKER` must be the newest file. Times are
    only compared for being the same: files of the future and a clock that is set back do no harm.
    Reading stops after ``budget_seconds`` to go on in the next look.

    Args:
        root: a folder that exists, or an address.
        state_file: where the look is remembered; one that is lost costs one more look.
        now: in seconds as `time.time` counts.

    Raises:
        DataError: an address that cannot be reached, or has no objects.
    """
    seen = read_seen(state_file)
    if seen.root != str(root):
        seen = Seen(root=str(root))
    if rest := resting(root):
        content = seen.contents.get(rest.listing)
        left = said_time(rest.seconds)
        reason = "" if content else f"{root}: {rest.files} objects, the next look is in {left}"
        return Watched(rest.listing, rest.files, content, reason, seen.contents)
    began = time.process_time()
    listed, versions = listed_at(root)
    listing = digest_of_listing(listed)
    let_rest(root, listing, len(listed), time.process_time() - began)
    if seen.listing == listing and listing in seen.contents:
        return Watched(listing, len(listed), seen.contents[listing], "", seen.contents)
    before = read_files(state_file) if seen.listing else Files()
    again = seen.listing == listing
    complete = is_marked(listed, before) or (again and now - seen.at >= settle_seconds)
    if not again or now < seen.at:
        seen = replace(seen, listing=listing, at=now)
    files = Files(
        {
            name: (*look, versions.get(name) or before.digest(name, look))
            for name, look in listed.items()
        }
    )
    reason = "" if complete else said_of_changes(before, listed)
    if complete and isinstance(root, Path):
        reason = _read_annotations(root, files, budget_seconds)
    if not reason:
        by_content = versions.keys() or annotation_names(files.rows)
        newest = {listing: {split: content_of(files, split, by_content) for split in SPLITS}}
        contents = {key: value for key, value in seen.contents.items() if key != listing}
        seen = replace(seen, contents=contents | newest)
    write_state(state_file, seen, files)
    content = None if reason else seen.contents[listing]
    return Watched(listing, len(listed), content, reason, seen.contents)


def is_marked(listed: Listing, before: Files) -> bool:
    """Return whether there is a marker that is as new as all other files, and that was not there
    in the look before: a copy that keeps times brings files that are older than a marker of
    earlier ones."""
    if MARKER not in listed or before.rows.get(MARKER, ())[:2] == listed[MARKER]:
        return False
    return listed[MARKER][1] >= max(changed for _, changed in listed.values())


def said_of_changes(before: Files, listed: Listing) -> str:
    """Return which files are waited for, in a sentence."""
    if not before.rows:
        return f"{len(listed)} files were seen for the first time: the next look tells if they stay"
    changed = sorted(name for name, look in listed.items() if before.rows.get(name, ())[:2] != look)
    gone = sorted(before.rows.keys() - listed.keys())
    if changed:
        others = f" and {len(changed) - 1} more" if changed[1:] else ""
        return f"{changed[0]}{others} changed since the last look: waiting until they stay"
    if gone:
        others = f" and {len(gone) - 1} more" if gone[1:] else ""
        return f"{gone[0]}{others} went since the last look: waiting until they stay away"
    return "nothing changed since the last look, which was a moment ago: waiting for the next"


def content_of(files: Files, split: str, by_content: Collection[str]) -> str:
    """Return the digest of what the files of a split hold; copies and the marker do not count.

    Args:
        by_content: names of those that count by their digest or version, not by size and time.
    """
    digest = hashlib.sha256()
    for name in sorted(files.rows):
        if name == MARKER or split not in splits_of(name, files.rows) or is_copy(name, files.rows):
            continue
        size, changed, content = files.rows[name]
        said = content if name in by_content else f"{size} {changed}"
        digest.update(f"{name!r} {said}\n".encode())
    return digest.hexdigest()


def _read_annotations(root: Path, files: Files, budget_seconds: float) -> str:
    """Digest what has no digest yet; return what is still missing, "" for nothing."""
    begin = time.monotonic()
    rows = files.rows
    wanted = sorted(name for name in annotation_names(rows) if not is_copy(name, rows))
    left = [name for name in wanted if not files.rows[name][2]]
    for number, name in enumerate(left):
        if time.monotonic() - begin > budget_seconds:
            done = len(wanted) - len(left) + number
            return f"there is more to read: {done} of {len(wanted)} annotation files are read"
        size, changed, _ = files.rows[name]
        digest = sha256_of(root / name)
        if not digest and _look(root / name) == (size, changed):
            return f"{name} cannot be read: check its rights"
        if not digest or _look(root / name) != (size, changed):
            return f"{name} was replaced while it was read: it is looked at again"
        files.rows[name] = (size, changed, digest)
    return ""


def _look(path: Path) -> Look:
    try:
        state = path.stat()
    except OSError:
        return -1, -1
    return state.st_size, state.st_mtime_ns
