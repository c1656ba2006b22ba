"""Unchanged images are recognised in every layout, changed ones are read again."""

import os

import pytest

from tests.datasets.layouts import IMAGES, WRITERS
from unigs.datasets import Record, open_dataset
from unigs.index.scenes_index import build_index


def fingerprints(name, root):
    dataset = open_dataset(name, root, "train")
    return {r.key: dataset.fingerprint(r) for r in dataset.records() if isinstance(r, Record)}


@pytest.mark.parametrize("name", WRITERS)
def test_touching_a_file_changes_the_fingerprint_of_its_image_alone(benches, tmp_path, name):
    root = benches[name].copy(tmp_path)
    before = fingerprints(name, root)
    assert len(before) == len(benches[name].scenes)
    assert fingerprints(name, root) == before
    os.utime(root / IMAGES[name], ns=(1, 1))
    after = fingerprints(name, root)
    changed = {key for key in before if before[key] != after[key]}
    assert len(changed) == 1
    assert changed.pop().endswith(("2", "1000000000000001"))


@pytest.mark.parametrize("name", WRITERS)
def test_cache_serves_every_layout(benches, tmp_path, name):
    dataset = open_dataset(name, benches[name].sound, "train")
    reports = [
        build_index(dataset, tmp_path / f"{n}.parquet", cache=tmp_path / "rows") for n in range(2)
    ]
    assert [report.reused for report in reports] == [0, len(benches[name].scenes)]
    assert (tmp_path / "0.parquet").read_bytes() == (tmp_path / "1.parquet").read_bytes()
