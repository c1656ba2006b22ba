"""``python -m pipelines.garbage``: list what can go from a store, and with ``--delete`` remove it.

This is what ``unigs store gc`` starts.
"""

import argparse
import json
import shutil
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from resources.mlflow.connection.access import clear_errors
from resources.mlflow.registry import DOWNLOADS
from resources.mlflow.tracking import Tracking
from resources.mlflow.versions import OldVersion, delete_version, old_versions, unused_copies
from resources.store import Store
from unigs.cli.shared.volume import is_verbose
from unigs.errors import UnigsError
from unigs.lineage.history import RECORD
from unigs.workflows.upkeep.leftovers import Leftover, find_leftovers, remove, size_of

_DAY = 86400.0


def main(arguments: list[str] | None = None) -> int:
    """Parse ``arguments``, list, remove where asked to; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.garbage", description=__doc__)
    parser.add_argument("--store", default="")
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument("--keep", type=int, default=3)
    parser.add_argument("--delete", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        with clear_errors():
            return _collect(options)
    except UnigsError as error:
        if is_verbose():
            traceback.print_exc()
        print(f"unigs store gc: {error}", file=sys.stderr)
        return 1


def _collect(options: argparse.Namespace) -> int:
    store = Store(root=options.store)
    leftovers = find_leftovers(store.base, options.days)
    tracking = Tracking(store=store)

    def unneeded() -> list[OldVersion]:
        # A server's registry is everybody's: records of this store do not tell what others need.
        if tracking.on_server or not tracking.has_records():
            return []
        return old_versions(tracking, options.keep, named_versions(store.base))

    versions = unneeded()
    before = time.time() - options.days * _DAY
    copies = []
    if tracking.on_server and (store.base / DOWNLOADS).is_dir():
        copies = unused_copies(tracking, named_versions(store.base), before)
    entries = [_of_leftover(store.base, one) for one in leftovers]
    entries += [_of_copy(store.base, one) for one in copies]
    entries += [_of_version(one) for one in versions]
    total = sum(entry["bytes"] for entry in entries)
    if not options.json:
        for entry in entries:
            print(f"{entry['bytes'] / 1e6:10.1f} MB  {entry['what']}: {entry['why']}")
    if options.delete:
        gone = [remove(leftover) for leftover in leftovers]
        gone += [_removed(copy) for copy in copies]
        # the removals may have taken long: one may be the champion by now
        still = {(one.name, one.version) for one in unneeded()} if versions else set()
        for version in versions:
            gone.append((version.name, version.version) in still)
            if gone[-1]:
                delete_version(tracking, version)
        for entry, removed in zip(entries, gone, strict=True):
            if not removed:
                print(f"{entry['what']}: in use again, it stays", file=sys.stderr)
        entries = [entry for entry, removed in zip(entries, gone, strict=True) if removed]
        total = sum(entry["bytes"] for entry in entries)
    if options.json:
        print(json.dumps({"deleted": options.delete, "bytes": total, "entries": entries}))
    elif not entries:
        print("nothing can go")
    else:
        done = "freed" if options.delete else "would be freed; --delete does it"
        print(f"{total / 1e6:10.1f} MB  {done}")
    return 0


def named_versions(store: Path) -> set[str]:
    """Return ``name/version`` of the registered models that folders of a store hold."""
    found = set()
    for record in store.glob(f"*/models/*/{RECORD}"):
        try:
            metadata = json.loads(record.read_text(encoding="utf-8"))["metadata"]
            found.add(f"{metadata['name']}/{metadata['version']}")
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a model that is not registered, or a damaged record
    return found


def _of_leftover(store: Path, leftover: Leftover) -> dict[str, Any]:
    what = leftover.path.relative_to(store).as_posix()
    return {"what": what, "why": leftover.why, "bytes": leftover.bytes}


def _of_copy(store: Path, copy: Path) -> dict[str, Any]:
    what = copy.relative_to(store).as_posix()
    return {"what": what, "why": "fetched, and no longer needed", "bytes": size_of(copy)}


def _removed(copy: Path) -> bool:
    shutil.rmtree(copy, ignore_errors=True)
    return not copy.exists()


def _of_version(old: OldVersion) -> dict[str, Any]:
    freed = 0 if old.folder is None else size_of(old.folder)
    return {"what": f"{old.name}/{old.version}", "why": "an old model version", "bytes": freed}


if __name__ == "__main__":
    sys.exit(main())
