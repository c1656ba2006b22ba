"""Mapped shards: few are open at a time, however many there are."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from unigs.shards import maps as module
from unigs.shards.maps import ShardMaps

COUNT, LIMIT = 40, 8


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_open_maps", module._OpenMaps())
    for number in range(COUNT):
        (tmp_path / f"{number}.tar").write_bytes(bytes([number]) * 5000)
    return tmp_path


def manifest(folder):
    return SimpleNamespace(
        shards=[
            SimpleNamespace(
                path=f"{number}.tar",
                bytes=5000,
                sha256=hashlib.sha256((folder / f"{number}.tar").read_bytes()).hexdigest(),
            )
            for number in range(COUNT)
        ]
    )


def open_files(folder):
    """How many descriptors of this process are files of a folder."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            found += link.readlink().is_relative_to(folder)
        except FileNotFoundError:  # that of the listing itself
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc")
def test_descriptors_are_bounded_and_shards_are_compared_once(folder, monkeypatch):
    monkeypatch.setattr(module, "OPEN_MAPS", LIMIT)
    compared = []
    digest = module.sha256_of
    monkeypatch.setattr(module, "sha256_of", lambda path: compared.append(path) or digest(path))
    maps = ShardMaps(folder, manifest(folder))
    held = maps["0.tar"]
    order = np.random.default_rng(0).integers(COUNT, size=400)
    for number in [*range(COUNT), *order.tolist()]:
        data = maps[f"{number}.tar"]
        assert (int(data[0]), int(data[-1]), len(data)) == (number, number, 5000)
        # One that a reader still has stays open for it.
        assert open_files(folder) <= LIMIT + 1
    assert open_files(folder) >= LIMIT
    assert sorted(compared) == sorted(folder / f"{number}.tar" for number in range(COUNT))
    assert int(held[-1]) == 0


def test_the_shards_that_were_used_last_stay_open(folder, monkeypatch):
    monkeypatch.setattr(module, "OPEN_MAPS", 2)
    maps = ShardMaps(folder, manifest(folder))
    first = maps["0.tar"]
    second = maps["1.tar"]
    assert maps["0.tar"] is first
    maps["2.tar"]
    assert maps["0.tar"] is first
    assert maps["1.tar"] is not second


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc")
def test_the_bound_is_of_all_folders_and_threads_together(folder, monkeypatch):
    monkeypatch.setattr(module, "OPEN_MAPS", LIMIT)
    stores = [ShardMaps(folder, manifest(folder)) for _ in range(3)]
    numbers = np.random.default_rng(0).integers(COUNT, size=(3, 200)).tolist()

    def read(store, wanted):
        return [int(store[f"{number}.tar"][-1]) for number in wanted]

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(read, stores, numbers)) == numbers
    assert open_files(folder) == LIMIT
