"""Fetch a source of the catalog to where it is used."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from unigs.errors import ConfigError, DataError, ModelError, TransientError
from unigs.io.files import replacing_folder, sha256_of, write_if_changed
from unigs.workflows.fetch.catalog import Fetchable, RemoteFile
from unigs.workflows.fetch.download import Progress, download

# In the folder of a source: which of its files are there, with their digests.
RECORD = ".fetched.json"
Say = Callable[[str], None]


def fetch(
    source: Fetchable,
    folder: Path | None,
    split: str | None = None,
    *,
    say: Say = print,
    progress: Callable[[str], Progress | None] = lambda name: None,
) -> Path:
    """Fetch a source; what is there already is not fetched again.

    Args:
        folder: where it goes. Of a Hub id a copy; None leaves it in the Hub's cache, where presets
            that name it find it.
        split: of a data set, the split whose photographs are wanted; all if None.
        say: told what happens.
        progress: makes the progress of a file from its name.

    Returns:
        The folder, or the file of a source that is one.

    Raises:
        ConfigError: its publisher wants a person to fetch it, or it has no such split.
        DataError: it cannot be fetched, is damaged, or the disk is full.
        ModelError: a Hub id that cannot be fetched.
        TransientError: no connection; what has arrived is kept.
    """
    if source.by_hand is not None:
        raise ConfigError(
            f"{source.what} is not fetched: {source.by_hand} (licence: {source.licence})",
            hint=source.page,
        )
    if source.hub is not None:
        return _from_hub(source.hub, folder, say)
    splits = {file.split for file in source.files} - {None}
    if split is not None and split not in splits:
        raise ConfigError(
            f"no split {split!r}", hint=f"give one of {', '.join(sorted(map(str, splits)))}"
            if splits else "it has none",
        )  # fmt: skip
    if folder is None:
        raise ConfigError(f"{source.what} needs a folder", hint="give --out DIR")
    wanted = [file for file in source.files if split is None or file.split in (None, split)]
    for file in wanted:
        _place(file, folder, say, progress(file.name))
    only = wanted[0]
    return folder / only.name if only.archives is None else folder


def _place(file: RemoteFile, folder: Path, say: Say, progress: Progress | None) -> None:
    record = folder / RECORD
    target = folder / file.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        said = json.loads(record.read_text()) if record.is_file() else {}
    except (OSError, ValueError) as error:
        raise DataError("cannot be read or written", file=record) from error
    done: dict[str, Any] = said if isinstance(said, dict) else {}
    given = done.get(file.url)
    known: dict[str, Any] = given if isinstance(given, dict) else {}
    if known.get("sha256") == file.sha256 and all(
        (folder / entry).exists() for entry in known.get("made", ())
    ):
        say(f"{file.name}: there already")
        return
    if not target.is_file():
        download(file.url, target, file.sha256, progress=progress)
    elif not sha256_of(target).startswith(file.sha256):
        raise DataError("is another file than the one to be fetched", file=target,
                        hint="move it away and run it again")  # fmt: skip
    say(f"{file.name}: whole, SHA-256 {file.sha256[:8]}")
    archives: list[Path] = []
    made = {file.name}
    if file.archives is not None:
        archives = [target, *(folder / inner for inner in file.archives)]
        made = set()
        for archive in archives:
            say(f"{archive.name}: unpacks")
            made |= {
                (archive.parent / name).relative_to(folder).as_posix() for name in _unpack(archive)
            }
        made -= {archive.relative_to(folder).as_posix() for archive in archives}
    new = {"sha256": file.sha256, "made": sorted(made)}
    try:
        write_if_changed(record, json.dumps(done | {file.url: new}, indent=1).encode())
        # Not sooner: what broke off in between goes on from the archives.
        for archive in archives:
            archive.unlink()
    except OSError as error:
        raise DataError(f"cannot be written: {error}", file=record) from error


def _unpack(archive: Path) -> set[str]:
    """Unpack an archive beside itself; return the names at its top."""
    try:
        with zipfile.ZipFile(archive) as held:
            needed = sum(member.file_size for member in held.infolist())
            free = shutil.disk_usage(archive.parent).free
            if needed > free:
                raise DataError(
                    f"unpacks to {needed:,} bytes, {free:,} are free", file=archive,
                    hint="free space and run it again: the archive is kept",
                )  # fmt: skip
            held.extractall(archive.parent)
            return {PurePosixPath(name).parts[0] for name in held.namelist()}
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"cannot be unpacked: {error}", file=archive) from error


def _from_hub(hub: str, folder: Path | None, say: Say) -> Path:
    from unigs.models.source import resolve_directory

    name, _, revision = hub.partition("@")
    try:
        if folder is not None and folder.exists() and any(folder.iterdir()):
            raise ConfigError(
                f"{folder} is not empty, and would be replaced",
                hint="give a folder that is not there, or leave --out away for the Hub's cache",
            )
    except OSError as error:
        raise DataError(f"cannot be read: {error}", file=folder) from error
    snapshot = resolve_directory(hub)
    _require_checksums(name, revision or None)
    say(f"{hub}: whole, checksums as on the Hub")
    if folder is None:
        return snapshot
    try:
        with replacing_folder(folder) as new:
            shutil.copytree(snapshot, new, dirs_exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot be written: {error}", file=folder) from error
    return folder


def _require_checksums(name: str, revision: str | None) -> None:
    from huggingface_hub import HfApi

    from unigs.models.hub import hub_failures

    try:
        found = HfApi().verify_repo_checksums(name, revision=revision)
    except hub_failures() as error:
        raise TransientError(f"{name}: the Hub does not tell its checksums", hint="run it again") \
            from error  # fmt: skip
    if found.mismatches:
        files = ", ".join(one["path"] for one in found.mismatches)
        raise ModelError(
            f"{name}: checksum mismatch of {files}",
            hint="delete it from the Hub's cache, run again",
        )
