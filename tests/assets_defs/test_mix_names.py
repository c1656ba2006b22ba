"""Several data sets of one format in a mix: names of their own, classes merged by name."""

import json
from pathlib import Path

import dagster as dg
import pytest

from assets_defs.run.folders import Folders
from assets_defs.run.partitions import SHARD_PARTITIONS, run_tags
from assets_defs.statistics import read_unseen, said_of_unseen
from assets_defs.training import sample_folders
from pipelines.automation.requests import run_config
from pipelines.build import build_defs
from pipelines.jobs import DATA_ONLY
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.datasets.shapes.generate import write_shapes
from unigs.errors import ConfigError
from unigs.index.scenes_index import ScenesIndex
from unigs.models.text import load_text_encoder
from unigs.shards.read import read_samples
from unigs.tasks import TASKS

PARTLY = ["inpainting", "synthesis", "referring"]
OVERRIDES = {
    "data.dataset": "street",
    "data.mix": {
        "street": {"format": "coco_panoptic"},
        "studio": {"format": "coco_panoptic", "root": "b", "tasks": PARTLY, "exhaustive": False},
    },
    "data.size": 32,
    "data.quarantined_share": 0.3,
    "autoencoder.fit_images": 8,
}
THREE_WORDS = "traffic light pole"


def rename(root: Path, split: str, old: str, new: str) -> None:
    file = root / "annotations" / f"panoptic_{split}2017.json"
    content = json.loads(file.read_text())
    for category in content["categories"]:
        if category["name"] == old:
            category["name"] = new
    file.write_text(json.dumps(content))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("named")
    for folder, seed in (("street", 3), ("b", 7)):
        write_shapes(root / folder, train=16, val=6, size=48, seed=seed)
    for folder in ("street", "b"):
        for split in ("train", "val"):
            rename(root / folder, split, "ball", THREE_WORDS)
    rename(root / "street", "val", "box", "umbrella")
    return root


@pytest.fixture(scope="module")
def settings(root: Path) -> GraphSettings:
    return GraphSettings(dataset="mix", root=str(root), overrides=OVERRIDES, workers=1)


@pytest.fixture(scope="module")
def folders(root: Path, settings: GraphSettings) -> Folders:
    store = Store(root=str(root / "store"))
    job = build_defs({"settings": settings}).resolve_job_def(DATA_ONLY)
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            run_config=run_config(store, settings), tags=run_tags(settings), instance=instance
        )
    assert result.success
    return Folders.of(store, settings)


def test_each_has_folders_and_scenes_of_its_own_name(
    folders: Folders, settings: GraphSettings
) -> None:
    listed = json.loads((folders.manifest / "manifest.json").read_text())
    assert listed.keys() == {
        *(f"street-{split}|{task}" for split in ("train", "val") for task in TASKS),
        *(f"studio-train|{task}" for task in PARTLY),
    }
    for name in ("street", "studio"):
        index = ScenesIndex(folders.scenes(name, "train") / "index.parquet")
        assert {scene.dataset for scene in index} == {name}
    read = sample_folders(folders, settings, "train", list(TASKS))
    assert {task: list(held) for task, held in read.items()} == {
        task: ["street", *(["studio"] if task in PARTLY else [])] for task in TASKS
    }


def test_classes_are_merged_by_name_and_three_words_are_one_class(folders: Folders) -> None:
    statistics = json.loads((folders.statistics / "statistics.json").read_text())
    assert all(
        statistics[f"{name}-train"]["class_counts"][THREE_WORDS] > 0
        for name in ("street", "studio")
    )
    prompts = [s.prompt for s in read_samples(folders.shards("street", "train", "synthesis"))]
    assert any(THREE_WORDS in prompt for prompt in prompts)
    tokenizer, _ = load_text_encoder(folders.text_encoder)
    # Start, the three words, end.
    assert len(tokenizer(THREE_WORDS).input_ids) == 5
    assert len(tokenizer("umbrella").input_ids) == 3


def test_classes_that_training_never_saw_are_counted_and_named(folders: Folders) -> None:
    unseen = read_unseen(folders)
    index = ScenesIndex(folders.scenes("street", "val") / "index.parquet")
    count = sum(entity.class_name == "umbrella" for scene in index for entity in scene.entities)
    assert count > 0
    assert unseen["umbrella"] == count
    assert f"umbrella ({count})" in said_of_unseen(unseen)
    assert said_of_unseen({"kite": 2}).startswith("1 class of the validation split")


def test_unlabelled_places_of_a_partly_labelled_set_have_no_truth(folders: Folders) -> None:
    shards = folders.shards("studio", "train", "referring")
    partly = [not sample.valid.all() for sample in read_samples(shards)]
    whole = read_samples(folders.shards("street", "train", "referring"))
    assert any(partly)
    assert all(sample.valid.all() for sample in whole)


def test_a_run_of_named_sets_asks_for_the_partitions_of_a_mix(settings: GraphSettings) -> None:
    tags = run_tags(settings)
    asked = {value for name, value in tags.items() if name.startswith("dagster/")}
    assert asked == {"mix-val|inpainting", "mix-val|entity"}
    assert asked <= set(SHARD_PARTITIONS.get_partition_keys())
    assert tags["unigs/dataset"] == "mix"


@pytest.mark.parametrize(
    ("mix", "said"),
    [
        ({"shapes": {"format": "coco"}}, "calls a data set|unknown format 'coco'"),
        ({"shapes": {"format": "ade20k"}}, "in the format ade20k shapes"),
        ({"shapes": {}, "mix": {}}, "another name than mix"),
        ({"shapes": {}, "a/b": {}}, "names a data set 'a/b'"),
    ],
)
def test_names_that_cannot_be_are_one_line(mix: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        GraphSettings(dataset="mix", root="x", overrides={"data.mix": mix}).sources  # noqa: B018
