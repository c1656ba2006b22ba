"""A variant is trained from shards of its own and evaluated as the model it is compared with."""

from pathlib import Path

import pytest

from assets_defs.cache.records import build_record
from assets_defs.paper.palettes import LOCATION_HELPS
from assets_defs.paper.table_asset import WHOLE
from assets_defs.paper.variants import (
    RANDOM_COLORS,
    VARIANTS,
    variant_folders,
    variant_tags,
    varied,
)
from assets_defs.run.folders import Folders
from assets_defs.run.partitions import run_tags
from pipelines.build import build_defs
from pipelines.jobs import job_tags
from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.e2e.command import write_preset
from tests.support.runs.run_assets import keys, materialise
from unigs.lineage.build_graph import BuildGraph
from unigs.lineage.trace import Trace
from unigs.samples.sample import Sample
from unigs.workflows.job_names import VARIANTS as VARIANTS_JOB

DATA = (
    "raw", "scenes_index_train", "scenes_index_val", "quarantine_report", "text_encoder", "shards",
    "autoencoder", "latents", "shard_manifest", "scene_statistics", "protocol",
    "evaluator/dual_encoder", "evaluator/segmenter",
)  # fmt: skip
LOCATED = ("referring_weights", "referring_model", "referring_evaluation_referring")


def test_a_variant_has_the_runs_settings_but_for_what_it_varies() -> None:
    own = GraphSettings(train_steps=7, overrides={"data.size": 32, "codec.palette": "smooth-5-v1"})
    other = varied(own, RANDOM_COLORS)
    assert other.values.codec.palette == "random-5-v1"
    assert other.values.training == own.values.training
    assert other.values.data == own.values.data
    assert (other.dataset, other.preset_name) == (own.dataset, own.preset_name)
    grown = GraphSettings(overrides={"codec.palette": "linear-4-v1-share-grow16"})
    assert varied(grown, RANDOM_COLORS).values.codec.palette == "random-4-v1-share-grow16"


def test_only_shards_and_latents_have_folders_of_their_own(tmp_path: Path) -> None:
    folders = Folders(tmp_path / "mix-tiny", "tiny")
    other = variant_folders(folders, RANDOM_COLORS)
    shards = other.shards("shapes", "train", "referring").relative_to(tmp_path)
    assert shards.as_posix() == "shapes-tiny/shards/random_colors/train/referring"
    latents = other.latents("shapes", "val", "referring").relative_to(tmp_path)
    assert latents.as_posix() == "mix-tiny/latents/random_colors/shapes/val/referring"
    assert other.protocol == folders.protocol
    assert other.autoencoder == folders.autoencoder
    assert other.scenes("shapes", "train") == folders.scenes("shapes", "train")


def test_the_job_of_variants_covers_all_of_them_and_others_their_shards() -> None:
    settings = GraphSettings()
    tags = job_tags(VARIANTS_JOB, settings)
    assert tags == variant_tags(settings)
    ends = [tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end")]
    assert ends == [next(iter(VARIANTS)), list(VARIANTS)[-1]]
    assert job_tags("everything", settings) == run_tags(settings)
    job = (
        build_defs({"settings": settings})
        .resolve_job_def(VARIANTS_JOB)
        .asset_layer.executable_asset_keys
    )
    assert job == set(keys(settings, ("variant", *LOCATED)))


@pytest.mark.slow
def test_from_annotations_to_table_7(tmp_path: Path) -> None:
    """Miniature networks, a few steps: what is learned is nothing, all stages are there."""
    file = write_preset(
        tmp_path / "mini.yaml",
        {"steps": 2, "validate_every": 2, "processes": 1},
        train_scenes=8,
        val_scenes=3,
        size=32,
    )
    settings = GraphSettings(preset=str(file))
    store = Store(root=str(tmp_path / "store"))
    folders = Folders.of(store, settings)
    materialise(store, settings, (*DATA, *LOCATED))

    result = materialise(store, settings, ["table_7"])
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert not checks[WHOLE].passed
    assert not checks[LOCATION_HELPS].passed
    assert checks[LOCATION_HELPS].description == "a model is missing"

    materialise(store, settings, ["variant"], tags=variant_tags(settings))
    other = variant_folders(folders, RANDOM_COLORS)
    own, varied_colors = (
        read(place.shards("shapes", "train", "referring")) for place in (folders, other)
    )
    assert own.keys() == varied_colors.keys()
    for key, sample in own.items():
        twin = varied_colors[key]
        assert (sample.segments == twin.segments).all()
        assert (sample.coarse_mask == twin.coarse_mask).all()
        assert sample.prompt == twin.prompt
    assert any((own[key].colormap != varied_colors[key].colormap).any() for key in own)

    model = build_record(other.model("referring-random_colors"))["metadata"]
    assert model["name"] == "unigs-shapes-mini-referring-random_colors"
    run = Tracking(store=store).client().get_run(model["mlflow_run_id"])
    assert run.data.params["palette"] == "random-5-v1"

    result = materialise(store, settings, ["table_7"])
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert checks[WHOLE].passed
    (event,) = result.get_asset_materialization_events()
    text = event.materialization.metadata["table"].value
    assert "| random colours, PDM delta 10 |" in text
    assert "| location-aware palette, nearest, the model's own |" in text
    again = materialise(store, settings, ["variant"], tags=variant_tags(settings))
    assert again.success
    # who must be forgotten is found in the variant too
    trace = Trace(BuildGraph(store.base))
    key = next(iter(own.values())).scene
    models = {build.name for build in trace.reached(trace.scenes(key)).models}
    assert models == {"referring", "referring-random_colors"}


def read(shards: Path) -> dict[str, Sample]:
    from unigs.shards.read import read_samples

    return {sample.key: sample for sample in read_samples(shards)}
