"""Memory-mapped shards of a folder, for random access in training."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np

from unigs.errors import DataError
from unigs.io.files import sha256_of
from unigs.shards.manifest import REBUILD, ShardManifest
from unigs.shards.place import opened
from unigs.shards.verify import changed_keys

# Each open map holds a file descriptor, of which a process has 1024 by default, and the pages that
# were read count as its memory. To open one again takes 40 microseconds.
OPEN_MAPS = 64


class ShardMaps:
    """Name of a shard -> its bytes, (n,) uint8, read-only.

    A shard is compared with its digest when it is first asked for, in each process that asks:
    one pass over it, which also brings it into the page cache. Of all shards the last `OPEN_MAPS`
    stay open.

    Raises DataError at once for a shard that is missing or of another size, and when it is first
    asked for one with another byte, naming shard and key.
    """

    def __init__(self, folder: Path, manifest: ShardManifest) -> None:
        self._folder = folder
        self._digests = {shard.path: shard.sha256 for shard in manifest.shards}
        self._compared: set[str] = set()
        self._maps: OrderedDict[str, np.memmap] = OrderedDict()
        for shard in manifest.shards:
            path = folder / shard.path
            if not path.is_file() or path.stat().st_size != shard.bytes:
                raise DataError("is not the shard of the manifest", file=path, hint=REBUILD)

    def __getitem__(self, name: str) -> np.memmap:
        if name in self._maps:
            self._maps.move_to_end(name)
            return self._maps[name]
        path = self._folder / name
        if name not in self._compared:
            if sha256_of(path) != self._digests[name]:
                with opened(self._folder) as source:
                    key = next(changed_keys(source, name), "")
                raise DataError(
                    "changed since it was written", file=path, record=key or None, hint=REBUILD
                )
            self._compared.add(name)
        self._maps[name] = np.memmap(path, dtype=np.uint8, mode="r")
        # What still reads an old one keeps it open until it is done.
        while len(self._maps) > OPEN_MAPS:
            self._maps.popitem(last=False)
        return self._maps[name]
