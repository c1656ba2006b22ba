"""Mirror a folder of shards to a bucket, and back to a local cache for training.

Addresses are fsspec's: ``s3://bucket/folder`` (needs the extra ``s3``), ``memory://``, a path.
Only shards that differ are copied. The manifest is taken away before the first of them and written
last, so that nobody ever meets a manifest whose shards are not there, yet or any more.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from unigs.errors import DataError
from unigs.io.files import sha256_of, writing
from unigs.remote.address import Address
from unigs.shards.folder import is_shard_name, locked, manifest_before, set_manifest_aside, sweep
from unigs.shards.manifest import MANIFEST, OtherFormat, ShardManifest, read_manifest
from unigs.shards.verify import verify_shards


@dataclass(frozen=True, slots=True)
class Mirrored:
    """Result of a copy: names of the shards copied, left unchanged, and removed."""

    copied: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]


def push_shards(folder: Path | str, address: str) -> Mirrored:
    """Bring an address up to date with a local folder of pixel or latent shards.

    Every byte is compared with the manifest before it leaves. Shards that the manifest does not
    name any more, those of removed scenes among them, are deleted at the address.

    Raises:
        DataError: the folder is damaged, or the address cannot be written.
    """
    folder = Path(folder)
    for name, key in verify_shards(folder):
        raise DataError(
            "changed since it was written", file=folder / name, record=key or None,
            hint="build the shards again",
        )  # fmt: skip
    manifest = read_manifest(folder)
    place = Address(address)
    there = None
    with contextlib.suppress(OtherFormat):
        there = _remote_manifest(place)
    known = {} if there is None else {s.path: s.sha256 for s in there.shards}
    listed = place.names()
    unchanged = tuple(
        s.path for s in manifest.shards if known.get(s.path) == s.sha256 and s.path in listed
    )
    todo = tuple(s.path for s in manifest.shards if s.path not in set(unchanged))
    if todo and MANIFEST in listed:
        # a push that breaks off would leave it beside other shards, which the next one trusts
        place.remove(MANIFEST)
    for name in (*todo, *manifest.files, MANIFEST):
        place.put(folder / name, name)
    named = {shard.path for shard in manifest.shards}
    gone = tuple(sorted(n for n in listed if is_shard_name(n) and n not in named))
    forgotten = set(there.files if there else ()) - set(manifest.files)
    for name in (*gone, *sorted(forgotten)):
        place.remove(name)
    return Mirrored(todo, unchanged, gone)


def pull_shards(address: str, folder: Path | str, digest: str | None = None) -> Mirrored:
    """Bring a local folder up to date with an address, for training to read.

    What arrives is compared with its digest. The folder holds no records of how its shards were
    made: a build in it makes all of them anew.

    Args:
        digest: of the manifest that is wanted; None takes whatever the address holds.

    Raises:
        DataError: the address holds no finished shards, cannot be read, has a checksum mismatch, or
            holds other shards than ``digest`` asks for (the folder then stays as it is); or the
            folder cannot be written.
    """
    folder = Path(folder)
    source = Address(address)
    with locked(folder):
        there = _remote_manifest(source)
        if there is None:
            raise DataError("no manifest", file=address, hint="push finished shards there first")
        if digest not in (None, there.digest):
            raise DataError(
                f"holds the shards {there.digest[:12]}, not {digest:.12}", file=address,
                hint="push the shards that are wanted there, or give another address",
            )  # fmt: skip
        unchanged = tuple(s.path for s in there.shards if sha256_of(folder / s.path) == s.sha256)
        todo = {s.path: s.sha256 for s in there.shards if s.path not in set(unchanged)}
        before = {path.name for path in folder.glob("*.tar") if is_shard_name(path.name)}
        before_this = manifest_before(folder)
        set_manifest_aside(folder)
        with tempfile.TemporaryDirectory() as place:
            sealed = Path(place) / MANIFEST
            source.get(MANIFEST, sealed)
            for name, digest in (todo | there.files).items():
                with writing(folder / name) as partial:
                    source.get(name, partial)
                    if sha256_of(partial) != digest:
                        raise DataError(
                            "checksum mismatch", file=f"{address}/{name}",
                            hint="push it again",
                        )  # fmt: skip
            named = {shard.path for shard in there.shards}
            sweep(folder, named, before_this, there)
            with writing(folder / MANIFEST) as partial:
                partial.write_bytes(sealed.read_bytes())
    return Mirrored(tuple(todo), unchanged, tuple(sorted(before - named)))


def _remote_manifest(source: Address) -> ShardManifest | None:
    if MANIFEST not in source.names():
        return None
    with tempfile.TemporaryDirectory() as place:
        source.get(MANIFEST, Path(place) / MANIFEST)
        return read_manifest(Path(place))
