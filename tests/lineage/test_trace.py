"""Which models saw an image, also after its shards were built again without it."""

import json
import shutil

import pytest

from tests.support.runs.small_store import REGISTERED, SmallStore
from unigs.errors import DataError
from unigs.io.files import sha256_of
from unigs.lineage.answer import Answer
from unigs.lineage.build_graph import BuildGraph
from unigs.lineage.champions import note_champion
from unigs.lineage.history import PARTS, history_file

FIRST = f"{REGISTERED}/1"


def about(store: SmallStore, text: object) -> dict:
    return Answer(store.trace()).about(str(text))


def saw(answer: dict) -> dict[str, str]:
    return {model["model"]: model["saw"] for model in answer["models"]}


def test_a_training_image_leads_to_its_shard_and_the_model(trained: SmallStore) -> None:
    file = trained.image("train", 3)
    answer = about(trained, file)
    assert (answer["kind"], answer["name"]) == ("image", f"shapes-tiny/train/{file.stem}")
    assert saw(answer) == {FIRST: "trained on it"}
    assert answer["models"][0]["champion"] is True
    (held,) = answer["shards"]
    ((shard, samples),) = held["shards"].items()
    assert samples == 1
    place = trained.place("shards", "train", "entity", shard)
    assert held["sha256"] == {shard: sha256_of(place)}
    assert [build["stage"] for build in answer["up"]] == ["raw", "scenes"]
    annotations = trained.place("raw", "annotations", "panoptic_train2017.json")
    assert answer["up"][1]["annotations"] == {
        "annotations/panoptic_train2017.json": sha256_of(annotations)
    }
    stages = {build["stage"] for build in answer["down"]}
    assert stages >= {"latents", "weights", "evaluation", "gate"}
    json.dumps(answer)


def test_a_held_out_image_leads_to_the_evaluations(trained: SmallStore) -> None:
    answer = about(trained, trained.image("val", 1).stem)
    assert saw(answer) == {FIRST: "evaluated on it"}
    held_out = {"shapes-tiny/shards/val/entity", "shapes-tiny/protocol/shards/entity"}
    assert {held["folder"] for held in answer["shards"]} == held_out
    assert "weights" not in {build["stage"] for build in answer["down"]}


def test_a_protocol_that_does_not_name_its_parts_is_looked_into(store: SmallStore) -> None:
    file = history_file(store.place("protocol"))
    line = json.loads(file.read_text())
    del line["metadata"][PARTS]
    file.write_text(json.dumps(line))
    answer = about(store, store.image("val", 1).stem)
    assert "shapes-tiny/protocol/shards/entity" in {held["folder"] for held in answer["shards"]}
    assert answer["unknown"] == []


@pytest.mark.parametrize("name", ["key", "file", "image", "digest", "whole"])
def test_every_name_of_an_image_means_it(trained: SmallStore, name: str) -> None:
    file = trained.image("train", 0)
    text = {
        "key": file.stem,
        "file": file.name,
        "image": f"train2017/{file.name}",
        "digest": sha256_of(file),
        "whole": f"shapes-tiny/train/{file.stem}",
    }[name]
    assert about(trained, text)["scenes"] == about(trained, file)["scenes"]


def test_a_model_saw_the_shards_as_they_were(store: SmallStore) -> None:
    """The image leaves the data set, all shards are built again and a second model is trained."""
    gone, stays = store.image("train", 2), store.image("train", 4)
    digest = sha256_of(gone)
    file = store.place("raw", "annotations", "panoptic_train2017.json")
    document = json.loads(file.read_text())
    for part, name in (("images", "id"), ("annotations", "image_id")):
        document[part] = [one for one in document[part] if one[name] != int(gone.stem)]
    file.write_text(json.dumps(document))
    gone.unlink()
    store.data()
    second = store.train()
    answer = about(store, digest)
    assert saw(answer) == {FIRST: "trained on it"}
    assert [held["current"] for held in answer["shards"]] == [False]
    assert [scene["current"] for scene in answer["scenes"]] == [False]
    assert answer["models"][0]["champion"] is False
    assert saw(about(store, stays)) == {FIRST: "trained on it", second: "trained on it"}


def test_tables_that_are_missing_are_made_of_what_is_there(store: SmallStore) -> None:
    shutil.rmtree(store.base / "lineage")
    assert saw(about(store, store.image("train", 0).stem)) == {FIRST: "trained on it"}


def test_shards_without_a_table_are_told_as_unknown(store: SmallStore) -> None:
    shutil.rmtree(store.place("shards", "train", "entity"))
    for file in (store.base / "lineage" / "shards").iterdir():
        file.unlink()
    answer = about(store, store.image("train", 0))
    assert saw(answer) == {}
    assert [build["folder"] for build in answer["unknown"]] == ["shapes-tiny/shards/train/entity"]


def test_equal_indexes_of_two_presets_hold_one_image(store: SmallStore) -> None:
    other = SmallStore(store.base, "shapes-small")
    other.data()
    other.train()
    answer = about(store, store.image("train", 0).stem)
    assert {held["folder"].split("/")[0] for held in answer["shards"]} == {
        "shapes-tiny",
        "shapes-small",
    }


def test_a_name_of_two_images_is_refused_with_both(store: SmallStore) -> None:
    other = SmallStore(store.base, "other-tiny", seed=5)
    other.data()
    file = store.image("train", 0)
    both = f"other-tiny/train/{file.stem}, shapes-tiny/train/{file.stem} "
    with pytest.raises(DataError, match=f"is the name of 2 images: {both}"):
        about(store, file.stem)
    for text in (file, f"shapes-tiny/train/{file.stem}", sha256_of(file)):
        assert {scene["folder"] for scene in about(store, text)["scenes"]} == {
            "shapes-tiny/scenes/train"
        }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0" * 64, "no metric, model, shard or image of this store is 0000"),
        ("nowhere", "no metric, model, shard or image of this store is nowhere"),
        ("entity-00009-of-00010.tar", "no shard of this store is entity-00009"),
        ("entity.entity.mioux", r"no metric mioux on entity \(there are miou"),
        ("unigs-shapes-tiny-entity/7", r"unigs-shapes-tiny-entity has no version 7 \(it has 1\)"),
    ],
)
def test_what_means_nothing_is_told(trained: SmallStore, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        about(trained, text)


def test_a_file_that_changed_since_is_told_with_its_name(store: SmallStore) -> None:
    file = store.image("train", 0)
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(
        DataError, match=f"changed since it was read as shapes-tiny/train/{file.stem}"
    ):
        about(store, file)


def test_an_empty_store_is_told(tmp_path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        BuildGraph(tmp_path / "nowhere")
    (tmp_path / "mlartifacts").mkdir()
    with pytest.raises(DataError, match="no build is recorded in this store"):
        BuildGraph(tmp_path)


def test_a_champion_made_by_hand_counts_more_than_the_last_decision(store: SmallStore) -> None:
    assert BuildGraph(store.base).champions() == {FIRST}
    note_champion(store.base, REGISTERED, "7")
    assert BuildGraph(store.base).champions() == {f"{REGISTERED}/7"}
    note_champion(store.base, "another", "2")
    assert BuildGraph(store.base).champions() == {f"{REGISTERED}/7", "another/2"}
