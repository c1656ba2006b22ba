"""Memory-mapped shards of a folder, for random access in training."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np

from unigs.errors import DataError
from unigs.io.files import sha256_of
from unigs.shards.manifest import REBUILD, ShardManifest
from unigs.shards.place import opened
from unigs.shards.verify import changed_keys

# Of all folders together. Each open map holds a file descriptor, of which a process has 1024 by
# default, and the pages that were read count as its memory. To open one again takes 0.1 ms.
OPEN_MAPS = 256


class _OpenMaps:
    """The maps of this process that were used last; batches are read by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._maps: OrderedDict[tuple[Path, str], np.memmap] = OrderedDict()

    def get(self, path: Path, digest: str) -> np.memmap:
        with self._lock:
            found = self._maps.pop((path, digest), None)
            if found is None:
                found = np.memmap(path, dtype=np.uint8, mode="r")
            self._maps[path, digest] = found
            # What still reads an old one keeps it open until it is done.
            while len(self._maps) > OPEN_MAPS:
                self._maps.popitem(last=False)
        return found


_open_maps = _OpenMaps()


class ShardMaps:
    """Name of a shard -> its bytes, (n,) uint8, read-only.

    A shard is compared with its digest when it is first asked for, in each process that asks:
    one pass over it, which also brings it into the page cache. Of all shards that a process reads,
    of any folder, the `OPEN_MAPS` used last are open.

    Raises DataError at once for a shard that is missing or of another size, and when it is first
    asked for one with another byte, naming shard and key.
    """

    def __init__(self, folder: Path, manifest: ShardManifest) -> None:
        self._folder = folder
        self._digests = {shard.path: shard.sha256 for shard in manifest.shards}
        self._compared: set[str] = set()
        for shard in manifest.shards:
            path = folder / shard.path
            if not path.is_file() or path.stat().st_size != shard.bytes:
                raise DataError("is not the shard of the manifest", file=path, hint=REBUILD)

    def __getitem__(self, name: str) -> np.memmap:
        path = self._folder / name
        if name not in self._compared:
            if sha256_of(path) != self._digests[name]:
                with opened(self._folder) as source:
                    key = next(changed_keys(source, name), "")
                raise DataError(
                    "changed since it was written", file=path, record=key or None, hint=REBUILD
                )
            self._compared.add(name)
        return _open_maps.get(path, self._digests[name])
