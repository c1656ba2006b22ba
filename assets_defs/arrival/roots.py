"""Where a run finds the files of a data set: generated, in a folder that is looked at, or in the
store's copy of a bucket."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from assets_defs.cache.build import Built, Outcome, build_or_reuse
from assets_defs.cache.records import RECORD, STARTED
from assets_defs.run.folders import Folders
from resources.run_settings import GraphSettings
from unigs.errors import DataError
from unigs.index.listing import list_files, listing_digest
from unigs.remote.copy import copies_of, copy_folder, copy_objects
from unigs.workflows.sources import folder_of


def data_root(folders: Folders, settings: GraphSettings, dataset: str) -> Path:
    """Return the folder of a data set of the run.

    An index also records it, relative to itself, which is wrong after the store was moved.
    """
    found = folder_of(settings.source(dataset), folders.store, settings.preset_name)
    return found or folders.raw(dataset)


def fetch_copies(
    context: dg.AssetExecutionContext, store: Path, settings: GraphSettings
) -> dict[str, str]:
    """Bring the store's copies of the data sets that are in buckets up to date; return the digest
    of the listing of each, by data set."""
    digests = {}
    for source in settings.sources:
        if isinstance(source.root, str):
            folder = copy_folder(store, source.root, f"{source.dataset}-{settings.preset_name}")
            others = [one for one in copies_of(store, source.root) if one != folder]
            done = copy_objects(source.root, folder, others)
            kept = len(done.looks) - done.copied
            context.log.info(
                f"{source.root}: {done.copied} objects copied, {kept} were here, "
                f"{done.removed} files removed"
            )
            digests[source.dataset] = digest_of_listing(done.looks)
    return digests


def observed_copy(place: Path, address: str, listing: str, copy: Path) -> Outcome:
    """Record the copy of a data set that is in a bucket, by the listing of its objects."""

    def build(folder: Path, resume: bool) -> Built:
        return Built(listing, {"root": address, "files": len(list_files(copy))})

    return build_or_reuse(place, {"root": address, "listing": listing}, build)


def observed(place: Path, root: Path) -> Outcome:
    """Record the files of a data set in a folder."""
    if not root.is_dir():
        raise DataError("no such folder", file=root, hint="check --root")
    files = list_files(root)
    listing = digest_of_listing(files)

    def build(folder: Path, resume: bool) -> Built:
        return Built(listing, {"root": str(root), "files": len(files)})

    return build_or_reuse(place, {"root": str(root), "listing": listing}, build)


def digest_of_listing(files: Mapping[str, tuple[int, int]]) -> str:
    """Hash name, size and time of the files of a data set: a cheap check whether to read them.

    What systems and tools leave beside them (``.git``, ``Thumbs.db``) is in no listing.
    """
    own = (RECORD, STARTED)
    return listing_digest(
        {name: look for name, look in files.items() if name.rpartition("/")[2] not in own}
    )
