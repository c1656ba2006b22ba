"""Memory-mapped shards of a folder, for random access in training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unigs.errors import DataError
from unigs.io.files import sha256_of
from unigs.shards.manifest import REBUILD, ShardManifest
from unigs.shards.place import opened
from unigs.shards.verify import changed_keys


class ShardMaps:
    """Name of a shard -> its bytes, (n,) uint8, read-only.

    A shard is compared with its digest when it is first asked for, in each process that asks:
    one pass over it, which also brings it into the page cache.

    Raises DataError at once for a shard that is missing or of another size, and when it is first
    asked for one with another byte, naming shard and key.
    """

    def __init__(self, folder: Path, manifest: ShardManifest) -> None:
        self._folder = folder
        self._digests = {shard.path: shard.sha256 for shard in manifest.shards}
        self._maps: dict[str, np.memmap] = {}
        for shard in manifest.shards:
            path = folder / shard.path
            if not path.is_file() or path.stat().st_size != shard.bytes:
                raise DataError("is not the shard of the manifest", file=path, hint=REBUILD)

    def __getitem__(self, name: str) -> np.memmap:
        if name not in self._maps:
            path = self._folder / name
            if sha256_of(path) != self._digests[name]:
                with opened(self._folder) as source:
                    key = next(changed_keys(source, name), "")
                raise DataError(
                    "changed since it was written", file=path, record=key or None, hint=REBUILD
                )
            self._maps[name] = np.memmap(path, dtype=np.uint8, mode="r")
        return self._maps[name]
