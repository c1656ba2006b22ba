"""Metrics, models and shards are found by the names that people have of them."""

import pytest

from tests.support.runs.small_store import REGISTERED, SmallStore
from unigs.errors import DataError
from unigs.io.files import sha256_of
from unigs.lineage.answer import Answer
from unigs.lineage.champions import FILE, read_champions

FIRST = f"{REGISTERED}/1"


def about(store: SmallStore, text: object) -> dict:
    return Answer(store.trace()).about(str(text))


def stages(builds: list[dict]) -> list[str]:
    return [build["stage"] for build in builds]


def test_a_metric_leads_up_to_the_annotations_and_down_to_the_gate(trained: SmallStore) -> None:
    answer = about(trained, "entity.entity.miou")
    assert (answer["kind"], answer["name"], answer["value"]) == (
        "metric", "entity.entity.miou", 0.5,
    )  # fmt: skip
    assert set(stages(answer["up"])) == {
        "raw", "scenes", "shards", "protocol", "latents", "weights", "models", "evaluation",
    }  # fmt: skip
    folders = {build["folder"] for build in answer["up"]}
    assert {f"shapes-tiny/scenes/{split}" for split in ("train", "val")} <= folders
    models = [build for build in answer["up"] if build["stage"] == "models"]
    assert (models[0]["model"], models[0]["mlflow_run_id"]) == (FIRST, "r1")
    assert about(trained, "shapes-tiny/entity.entity.miou")["up"] == answer["up"]


def test_bounds_lead_to_the_reference_and_no_meaning_is_null(trained: SmallStore) -> None:
    ceiling = about(trained, "entity.entity.codec_ceiling.miou")
    assert (ceiling["value"], stages(ceiling["up"])[-1]) == (1, "reference")
    assert "models" not in stages(ceiling["up"])
    assert about(trained, "entity.entity.untrained.codec_ceiling.miou")["value"] == 1
    assert about(trained, "entity.entity.fid")["value"] is None


@pytest.mark.parametrize("name", ["entity", "shapes-tiny/entity", REGISTERED, FIRST, "folder"])
def test_every_name_of_a_model_means_it(trained: SmallStore, name: str) -> None:
    text = trained.place("models", "entity") if name == "folder" else name
    answer = about(trained, text)
    assert (answer["kind"], answer["name"]) == ("model", FIRST)
    assert stages(answer["down"]) == ["evaluation", "gate"]
    assert "shards" in stages(answer["up"])


def test_a_model_of_two_presets_is_asked_back(store: SmallStore) -> None:
    other = SmallStore(store.base, "shapes-small")
    other.data()
    other.train()
    for text in ("entity", "entity.entity.miou"):
        with pytest.raises(DataError, match=r"2 folders: shapes-small/entity.*shapes-tiny/entity"):
            about(store, text)


def test_a_shard_is_found_by_path_name_and_digest(trained: SmallStore) -> None:
    folder = trained.place("shards", "train", "entity")
    shard = sorted(folder.glob("*.tar"))[0]
    answer = about(trained, shard)
    assert answer["kind"] == "shard"
    assert answer["sha256"] == sha256_of(shard)
    assert about(trained, sha256_of(shard)) == answer
    assert about(trained, f"train/entity/{shard.name}") == answer
    assert answer["scenes"]
    for scene in answer["scenes"]:
        image = trained.place("raw", scene["image"])
        assert (image.stem, sha256_of(image)) == (scene["key"], scene["image_digest"])
    assert "models" in stages(answer["down"])
    if (trained.place("shards", "val", "entity") / shard.name).is_file():
        with pytest.raises(DataError, match=f"{shard.name} is of 2 folders"):
            about(trained, shard.name)


def test_any_other_build_is_found_by_folder_and_digest(trained: SmallStore) -> None:
    answer = about(trained, "shapes-tiny/scenes/train")
    assert (answer["kind"], answer["name"]) == ("build", "shapes-tiny/scenes/train")
    assert about(trained, answer["up"][-1]["digest"]) == answer


@pytest.mark.parametrize("content", ["[1, null]", "{", ""])
def test_metrics_that_are_damaged_are_named(store: SmallStore, content: str) -> None:
    file = store.place("evaluation", "entity", "entity", "metrics.json")
    file.write_text(content)
    with pytest.raises(DataError, match=r"metrics\.json: cannot be read.*run it again"):
        about(store, "entity.entity.miou")


@pytest.mark.parametrize("content", [b"[1, null]", b"\xff\x00", b"{"])
def test_a_list_of_champions_that_is_damaged_is_named(store: SmallStore, content: bytes) -> None:
    (store.base / FILE).write_bytes(content)
    with pytest.raises(DataError, match=r"champions\.json: no champions.*delete it"):
        read_champions(store.base)
