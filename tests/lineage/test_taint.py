"""Forgotten images: the list, what they are in, and what is built after it."""

import json

import pytest

from tests.support.runs.small_store import REGISTERED, SmallStore
from unigs.errors import DataError
from unigs.index.scenes_index import ScenesIndex
from unigs.io.files import sha256_of
from unigs.lineage import taint
from unigs.lineage.answer import Answer
from unigs.lineage.forgotten import exclusions, forgotten_file, read_forgotten
from unigs.lineage.trace import INDEX

FIRST = f"{REGISTERED}/1"


def keys(store: SmallStore) -> set[str]:
    return {scene.key for scene in ScenesIndex(store.place("scenes", "train", INDEX))}


def test_a_forgotten_image_leaves_what_is_built_and_taints_what_was(store: SmallStore) -> None:
    file = store.image("train", 1)
    (one,) = taint.forget(store.trace(), [file.stem], "asked by letter")
    assert one.changed
    assert [build.version for build in one.reached.models] == [FIRST]
    assert one.reached.held[0].build.folder == "shapes-tiny/shards/train/entity"
    said = f"forgotten on {one.image.date}: asked by letter"
    assert taint.tainted_models(store.trace(), read_forgotten(store.base)) == {
        FIRST: [sha256_of(file)]
    }
    assert file.stem in keys(store)
    store.data()
    assert file.stem not in keys(store)
    (record,) = ScenesIndex(store.place("scenes", "train", INDEX)).forgotten()
    assert (record.file, record.reason) == (f"train2017/{file.name}", said)
    second = store.train()
    answer = Answer(store.trace()).about(file.stem)
    assert answer["forgotten"] == [said]
    assert [model["model"] for model in answer["models"]] == [FIRST]
    assert [held["current"] for held in answer["shards"]] == [False]
    saw = Answer(store.trace()).about(FIRST)["forgotten"]
    assert saw == [
        {
            "image": f"shapes/train/{file.stem}",
            "image_digest": sha256_of(file),
            "forgotten": said,
        }
    ]
    assert Answer(store.trace()).about(second)["forgotten"] == []


def test_undo_brings_it_back(store: SmallStore) -> None:
    file = store.image("train", 1)
    before = sha256_of(store.place("scenes", "train", INDEX))
    taint.forget(store.trace(), [str(file)], "")
    store.data()
    assert sha256_of(store.place("scenes", "train", INDEX)) != before
    (one,) = taint.remember(store.trace(), [file.name])
    assert one.changed
    assert read_forgotten(store.base) == []
    store.data()
    assert sha256_of(store.place("scenes", "train", INDEX)) == before
    with pytest.raises(DataError, match=r"is not forgotten"):
        taint.remember(store.trace(), [file.name])


def test_a_second_request_keeps_date_and_reason(store: SmallStore) -> None:
    key = store.image("val", 0).stem
    (first,) = taint.forget(store.trace(), [key], "one")
    (second,) = taint.forget(store.trace(), [key], "two")
    assert (second.changed, second.image) == (False, first.image)
    assert len(read_forgotten(store.base)) == 1


def test_one_unknown_image_leaves_the_list_as_it_was(store: SmallStore) -> None:
    known = store.image("train", 0).stem
    with pytest.raises(DataError, match="no image of this store is nowhere"):
        taint.forget(store.trace(), [known, "nowhere"], "")
    assert not forgotten_file(store.base).exists()


def test_an_image_is_left_out_by_bytes_everywhere_and_by_key_where_it_was(
    store: SmallStore,
) -> None:
    file = store.image("train", 1)
    taint.forget(store.trace(), [file.stem], "")
    listed = read_forgotten(store.base)
    left = {split: exclusions(listed, "shapes", split) for split in ("train", "val")}
    assert set(left["train"].keys) == {file.stem}
    assert set(left["val"].keys) == set()
    assert set(left["val"].digests) == set(left["train"].digests) == {sha256_of(file)}


def test_a_list_that_cannot_be_read_stops_everything(store: SmallStore) -> None:
    forgotten_file(store.base).write_text(json.dumps({"format": 9}))
    with pytest.raises(DataError, match=r"forgotten\.json: the list of forgotten images"):
        read_forgotten(store.base)


def test_a_folder_in_the_place_of_the_list_stops_everything(store: SmallStore) -> None:
    assert read_forgotten(store.base) == []
    forgotten_file(store.base).mkdir()
    with pytest.raises(DataError, match=r"forgotten\.json: the list of forgotten images"):
        read_forgotten(store.base)
