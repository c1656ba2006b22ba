"""Two data sets of one preset through the data half of the graph, on an ephemeral instance."""

import json
from pathlib import Path

import dagster as dg
import pytest

from assets_defs.run.folders import Folders
from assets_defs.run.keys import asset_name
from assets_defs.run.partitions import parts, run_tags
from assets_defs.training import sample_folders
from pipelines.automation.requests import run_config
from pipelines.build import build_defs
from pipelines.jobs import DATA_ONLY
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.datasets.shapes.generate import write_shapes
from unigs.errors import ConfigError
from unigs.latents.stores import Encoders, training_stream
from unigs.shards.read import read_samples
from unigs.tasks import TASKS

MIX = {
    "shapes": {"weight": 1},
    "coco_panoptic": {
        "root": "coco",
        "weight": 3,
        "tasks": ["inpainting", "synthesis", "referring"],
    },
}
OVERRIDES = {
    "data.mix": MIX,
    "data.train_scenes": 6,
    "data.val_scenes": 3,
    "data.size": 32,
    "data.samples_per_shard": 4,
    "data.quarantined_share": 0.3,
    "autoencoder.fit_images": 8,
}
COCO_TRAIN = {f"coco_panoptic-train|{task}" for task in MIX["coco_panoptic"]["tasks"]}


def materialized(store: Store, settings: GraphSettings) -> dict[str, list]:
    """Run the data job; asset -> its materializations."""
    job = build_defs({"settings": settings}).resolve_job_def(DATA_ONLY)
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            run_config=run_config(store, settings), tags=run_tags(settings), instance=instance
        )
    found: dict[str, list] = {}
    for event in result.all_events:
        if event.is_step_materialization:
            name = asset_name(event.asset_key)
            found.setdefault(name, []).append(event.materialization)
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mixed")
    write_shapes(root / "coco", train=8, val=2, size=48, seed=7)
    return root


@pytest.fixture(scope="module")
def settings(root: Path) -> GraphSettings:
    return GraphSettings(dataset="mix", root=str(root), overrides=OVERRIDES, workers=1)


@pytest.fixture(scope="module")
def store(root: Path) -> Store:
    return Store(root=str(root / "store"))


@pytest.fixture(scope="module")
def first(store: Store, settings: GraphSettings) -> dict[str, list]:
    return materialized(store, settings)


def test_exactly_the_partitions_of_the_mix_are_built(first: dict[str, list]) -> None:
    own = {f"shapes-{split}|{task}" for split in ("train", "val") for task in TASKS}
    expected = COCO_TRAIN | own
    for asset in ("shards", "latents"):
        assert {item.partition for item in first[asset]} == expected
        assert len(first[asset]) == len(expected)
        assert all("dagster/data_version" in item.tags for item in first[asset])


def test_one_manifest_holds_every_data_set(
    first: dict[str, list], store: Store, settings: GraphSettings
) -> None:
    folders = Folders.of(store, settings)
    listed = json.loads((folders.manifest / "manifest.json").read_text())
    assert listed.keys() == {item.partition for item in first["shards"]}
    assert listed["coco_panoptic-train|referring"]["samples"] == 8
    assert not (folders.own("coco_panoptic") / "shards" / "train" / "entity").exists()
    (statistics,) = first["scene_statistics"]
    assert statistics.metadata["coco_panoptic-train.images"].value == 8
    assert statistics.metadata["shapes-val.images"].value == 3


def test_training_draws_both_by_their_weights(
    first: dict[str, list], store: Store, settings: GraphSettings
) -> None:
    folders = Folders.of(store, settings)
    order = sample_folders(folders, settings, "train", list(TASKS))
    samples = {task: {one: Path(f) for one, f in held.items()} for task, held in order.items()}
    encoders = Encoders(folders.autoencoder, folders.text_encoder, 0)
    stream = training_stream(settings.values, samples, encoders)
    drawn = [name for step in range(50) for name, _ in stream.draws(step)]
    shares = {name: drawn.count(name) / len(drawn) for name in sorted(set(drawn))}
    assert shares.keys() == {
        "entity/shapes",
        *(f"{t}/{one}" for t in TASKS if t != "entity" for one in MIX),
    }
    for task in ("inpainting", "synthesis", "referring"):
        ratio = shares[f"{task}/coco_panoptic"] / shares[f"{task}/shapes"]
        assert ratio == pytest.approx(3, rel=0.35)
    assert stream.batch(0)["image"].shape[0] == settings.values.training.batch_size
    held_out = sample_folders(folders, settings, "val", ["entity"])
    assert held_out == {"entity": str(folders.latents("shapes", "val", "entity"))}


def test_only_what_changed_in_one_data_set_is_built_again(
    first: dict[str, list], store: Store, settings: GraphSettings, root: Path
) -> None:
    again = materialized(store, settings)
    for name in ("raw", "shard_manifest"):
        assert again[name][0].metadata["cached"].value
    file = root / "coco" / "annotations" / "panoptic_train2017.json"
    content = json.loads(file.read_text())
    gone = content["annotations"].pop()["image_id"]
    content["images"] = [image for image in content["images"] if image["id"] != gone]
    file.write_text(json.dumps(content))
    third = materialized(store, settings)
    versions = [
        {item.partition: item.metadata["digest"].value for item in run["shards"]}
        for run in (first, third)
    ]
    changed = {key for key, version in versions[0].items() if versions[1][key] != version}
    assert changed == COCO_TRAIN
    folders = Folders.of(store, settings)
    kept = list(read_samples(folders.shards("coco_panoptic", "train", "referring")))
    assert len(kept) == 7


def test_a_run_on_one_data_set_takes_all_its_tasks(root: Path) -> None:
    alone = GraphSettings(dataset="coco_panoptic", root=str(root / "coco"), overrides=OVERRIDES)
    assert ("coco_panoptic", "train", "entity") in parts(alone)
    assert alone.evaluated == "coco_panoptic"


def test_a_mix_without_its_folder_or_its_evaluation_set_is_one_line() -> None:
    with pytest.raises(ConfigError, match="coco_panoptic needs its folder"):
        GraphSettings(dataset="mix", overrides=OVERRIDES).sources  # noqa: B018
    with pytest.raises(ConfigError, match="mixes nothing"):
        GraphSettings(dataset="mix").sources  # noqa: B018
    strange = {"data.mix": {"shapes": {}, "coco": {}}}
    with pytest.raises(ConfigError, match=r"unknown data set 'coco' \(give some of coco_panoptic"):
        GraphSettings(dataset="mix", root="data", overrides=strange).sources  # noqa: B018
    only = {"data.mix": {"coco_panoptic": {}}}
    with pytest.raises(ConfigError, match="evaluated on shapes"):
        GraphSettings(dataset="mix", overrides=only).values  # noqa: B018
