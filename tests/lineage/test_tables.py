"""The tables find every image by each of its names, in whatever group of rows it lies."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support.runs.small_store import SmallStore
from unigs.errors import DataError
from unigs.io.files import sha256_of
from unigs.lineage import tables as module
from unigs.lineage.tables import Tables
from unigs.lineage.trace import INDEX


@pytest.fixture(scope="module")
def made(trained: SmallStore, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    tables = Tables(tmp_path_factory.mktemp("tables"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROWS_PER_GROUP", 2)
        tables.write_scenes(trained.place("scenes", "train", INDEX), "d")
        tables.write_shards(trained.place("shards", "train", "entity"))
    return tables


@pytest.mark.parametrize("number", range(6))
def test_an_image_is_found_by_key_name_and_digest(
    made: Tables, trained: SmallStore, number: int
) -> None:
    file = trained.image("train", number)
    assert pq.read_metadata(made.folder / "terms" / "d.parquet").num_row_groups == 9
    for term in (file.stem, file.name, sha256_of(file)):
        (row,) = made.scenes_called("d", term)
        assert (row.key, row.image) == (file.stem, f"train2017/{file.name}")
        assert row.image_digest == sha256_of(file)


def test_what_is_no_image_is_not_found(made: Tables) -> None:
    for term in ("", "0", "~", "train2017", "0" * 64):
        assert made.scenes_called("d", term) == []


def test_shards_and_scenes_lead_to_each_other(made: Tables, trained: SmallStore) -> None:
    digest = made.write_shards(trained.place("shards", "train", "entity"))
    files = made.shard_files(digest)
    held = {file.path: made.scenes_of(digest, file.path) for file in files}
    keys = sorted(key for keys in held.values() for key in keys)
    assert keys == [trained.image("train", number).stem for number in range(6)]
    assert {file.path: file.samples for file in files} == {
        shard: len(keys) for shard, keys in held.items()
    }
    for shard, keys in held.items():
        for key in keys:
            assert made.shards_with(digest, key) == {shard: 1}
    assert made.shards_with(digest, "nowhere") == {}
    for file in files:
        assert file.sha256 == sha256_of(trained.place("shards", "train", "entity", file.path))


def test_a_broken_table_is_named_with_what_to_do(made: Tables, tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    (tables.folder / "terms").mkdir(parents=True)
    (tables.folder / "terms" / "d.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"d\.parquet: cannot be read.*delete it"):
        tables.scenes_called("d", "a")
