"""A plan tells what shards, latents and steps then are."""

import json
import shutil

import pytest

from unigs.config.preset import load_preset
from unigs.datasets import open_dataset
from unigs.datasets.shapes.generate import write_shapes
from unigs.errors import ConfigError, DataError
from unigs.latents.build import build_latents
from unigs.latents.stored import LatentStore
from unigs.latents.stream import MixedStream
from unigs.models.components import make_autoencoder, make_text_encoder
from unigs.samples.split_options import sample_options
from unigs.shards.build import build_shards
from unigs.tasks import TASKS
from unigs.training.schedule import training_steps
from unigs.workflows.plan import survey as surveys
from unigs.workflows.plan.limits import disk_problem, memory_problem, parts_by_itself
from unigs.workflows.plan.plan import Planner, changed

SMALL = {
    "data.size": 32,
    "data.train_scenes": 90,
    "data.val_scenes": 4,
    "data.variants": 2,
    "data.samples_per_shard": 40,
    "training.batch_size": 256,
    "training.steps": None,
    "training.epochs": 3,
}


@pytest.fixture(scope="module")
def preset():
    return load_preset("tiny", SMALL)


@pytest.fixture(scope="module")
def planner(preset):
    return Planner(preset, "shapes", "", accelerator=False)


@pytest.fixture(scope="module")
def plan(planner):
    return planner.plan(rate="100")


def test_shards_latents_and_steps_are_as_planned(tmp_path, preset, plan):
    data = preset.data
    write_shapes(tmp_path / "raw", data.train_scenes, 0, data.size, data.seed)
    source = open_dataset("shapes", tmp_path / "raw", "train")
    scenes, options = list(source), sample_options(preset, source.class_names, "train")
    built = {
        task: build_shards(
            scenes, task, options, tmp_path / "pixels" / task, seed=data.seed,
            variants=data.variants, samples_per_shard=data.samples_per_shard,
        )
        for task in TASKS
    }  # fmt: skip
    autoencoder = make_autoencoder(
        preset.autoencoder, [tmp_path / "pixels" / task for task in TASKS]
    )
    most = max(data.train_entities, data.test_entities)
    tokenizer, encoder = make_text_encoder(preset.text, source.class_names, most)
    planned = {folder.task: folder for folder in plan.folders if folder.split == "train"}
    for task, pixels in built.items():
        folder, latents = planned[task], tmp_path / "latents" / task
        made = build_latents(tmp_path / "pixels" / task, latents, autoencoder, encoder, tokenizer)
        assert folder.measured
        assert (folder.samples, folder.shards) == (pixels.samples, len(pixels.shards))
        assert folder.scenes == data.train_scenes
        wrote = sum(shard.bytes for shard in pixels.shards)
        assert folder.shard_bytes == pytest.approx(wrote, rel=0.1)
        wrote = sum(shard.bytes for shard in made.shards)
        assert folder.latent_bytes == pytest.approx(wrote, rel=0.05)
        wrote = sum(
            (latents / name).stat().st_size for name in ("text.safetensors", "prompts.json")
        )
        assert folder.text_bytes == pytest.approx(wrote, rel=0.1)
        beside = sum(
            file.stat().st_size
            for place in (latents, tmp_path / "pixels" / task)
            for file in place.rglob("*")
            if file.suffix in (".json", ".parquet") and file.name != "prompts.json"
        )
        assert folder.table_bytes == pytest.approx(beside, rel=0.3)
    stores = {task: LatentStore(tmp_path / "latents" / task) for task in TASKS}
    stream = MixedStream(stores, preset.training.ratios, preset.training.batch_size)
    assert plan.steps == training_steps(preset.training, stream)
    assert plan.hours == pytest.approx(plan.steps * preset.training.batch_size / 100 / 3600)


def test_without_pictures_the_annotations_do(tmp_path, preset, monkeypatch):
    monkeypatch.setattr(surveys, "PROBES", 8)
    write_shapes(tmp_path, train=24, val=4, size=32)
    seen = Planner(preset, "shapes", str(tmp_path), False).plan()
    shutil.rmtree(tmp_path / "train2017")
    shutil.rmtree(tmp_path / "val2017")
    for folder in ("train2017", "val2017"):
        (tmp_path / folder).mkdir()
    blind = Planner(preset, "shapes", str(tmp_path), False).plan()
    assert blind.samples == seen.samples == 4 * (2 * 24 + 4)
    assert not any(folder.measured for folder in blind.folders)
    assert blind.shard_bytes == pytest.approx(seen.shard_bytes, rel=0.5)
    assert blind.latent_bytes == pytest.approx(seen.latent_bytes, rel=0.02)


def test_broken_scenes_are_left_out_in_proportion(tmp_path, preset):
    write_shapes(tmp_path, train=20, val=2, size=32)
    for number in (3, 4, 5, 6, 7):
        (tmp_path / "train2017" / f"{number:012d}.jpg").write_bytes(b"no picture")
    plan = Planner(preset, "shapes", str(tmp_path), False).plan()
    train = [folder for folder in plan.folders if folder.split == "train"]
    assert {folder.scenes for folder in train} == {15}
    assert {folder.samples for folder in train} == {30}


def test_a_disk_that_is_too_small_names_the_setting(tmp_path, planner, plan, monkeypatch):
    usage = shutil.disk_usage(tmp_path)

    def free(count):
        monkeypatch.setattr(shutil, "disk_usage", lambda place: usage._replace(free=count))

    free(plan.disk_bytes)
    assert disk_problem(planner, plan, tmp_path / "store", 0) is None
    free(plan.disk_bytes - plan.latent_bytes)
    told = disk_problem(planner, plan, tmp_path / "store", 0)
    assert told is not None
    assert "it would fit with data.latents: false" in told
    assert disk_problem(planner, plan, tmp_path / "store", plan.latent_bytes) is None
    free(1000)
    told = disk_problem(planner, plan, tmp_path / "store", 0)
    assert told is not None
    assert "no setting alone" in told


def test_a_device_that_is_too_small_names_the_setting(planner, plan):
    assert memory_problem(planner, plan, plan.memory_bytes) is None
    fits = planner.plan({"training.accumulation": 4}).memory_bytes
    assert fits < plan.memory_bytes
    told = memory_problem(planner, plan, fits)
    assert told is not None
    assert "it would fit with training.accumulation: 4)" in told
    told = memory_problem(planner, plan, 1000)
    assert told is not None
    assert "no setting alone" in told


def test_what_an_accelerator_takes_in_parts_by_itself_is_no_problem(preset):
    planner = Planner(preset, "shapes", "", accelerator=True)
    plan = planner.plan()
    assert parts_by_itself(planner, plan, plan.memory_bytes) is None
    fits = planner.plan({"training.accumulation": 4}).memory_bytes
    assert parts_by_itself(planner, plan, fits) == 4
    assert memory_problem(planner, plan, fits) is None
    # the next number of parts that training tries, not the least that fits
    divided = Planner(changed(preset, {"training.batch_size": 192}), "shapes", "", accelerator=True)
    fits = divided.plan({"training.accumulation": 3}).memory_bytes
    assert parts_by_itself(divided, divided.plan(), fits) == 4
    assert parts_by_itself(planner, plan, 1000) is None
    assert memory_problem(planner, plan, 1000) is not None
    # Several processes end with the setting: the others may have exchanged a part already.
    two = planner.plan(devices=2)
    fits = planner.plan({"training.accumulation": 4}, 2).memory_bytes
    assert parts_by_itself(planner, two, fits) is None
    told = memory_problem(planner, two, fits)
    assert told is not None
    assert "training.accumulation: 4" in told


def test_a_bucket_that_is_not_copied_yet_is_a_line(preset, tmp_path):
    with pytest.raises(DataError, match=r"s3://bucket/set: .*not copied yet .*data_only"):
        Planner(preset, "coco_panoptic", "s3://bucket/set", store=tmp_path)


def test_the_preset_of_the_paper_recomputes_nothing_unless_it_is_asked():
    training = load_preset("sd15").training
    assert (training.gradient_checkpointing, training.accumulation) == (False, 1)


def test_a_checkpoint_of_a_known_family_need_not_be_here(tmp_path, monkeypatch):
    monkeypatch.setattr(surveys, "PROBES", 2)
    monkeypatch.setattr(surveys, "GENERATED_SCENES", 2)
    wanted = {"data.size": 64, "data.train_scenes": 2, "data.val_scenes": 2}
    preset = load_preset("sd15", wanted)
    plan = Planner(preset, "shapes", "", accelerator=True).plan(rate="h100")
    assert plan.assumed == preset.unet.source
    assert plan.parameters == 859_563_528
    assert plan.hours is not None
    text = [folder.text_bytes for folder in plan.folders if folder.task == "entity"]
    assert min(text) > 2 * 77 * 768 * 2
    with pytest.raises(ConfigError, match="rate 'fast': unknown"):
        Planner(preset, "shapes", "", True).plan(rate="fast")
    other = load_preset("sd15", {**wanted, "checkpoint": "someone/else"})
    with pytest.raises(ConfigError, match="someone/else: not on this machine"):
        Planner(other, "shapes", "", True).plan()


def test_a_plan_is_json(plan):
    told = json.loads(json.dumps(plan.to_dict()))
    assert told["samples"] == plan.samples
    assert told["folders"][0]["dataset"] == "shapes"
    assert told["memory"]["peak"] > told["memory"]["weights"]


def test_changes_leave_the_preset(preset):
    assert changed(preset, {"training.batch_size": 4}).training.batch_size == 4
    assert preset.training.batch_size == 256
