"""Each run of a store has assets of its own; settings of another run do not get into them."""

from pathlib import Path

import dagster as dg
import pytest

from assets_defs.run.keys import asset_key, asset_name
from assets_defs.run.partitions import range_tags
from pipelines.automation.requests import run_config
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.support.runs.run_assets import keys, whole_job
from unigs.datasets.shapes.generate import write_shapes

FEW = {"data.size": 32, "data.train_scenes": 4, "data.val_scenes": 2}
SHAPES = GraphSettings(overrides=FEW, workers=1)


def test_a_key_is_the_run_and_the_name_within_it() -> None:
    key = asset_key("shapes-tiny", "evaluator/segmenter")
    assert key.path == ["shapes-tiny", "evaluator", "segmenter"]
    assert asset_name(key) == "evaluator/segmenter"


def test_records_of_older_stores_have_no_run() -> None:
    assert asset_name(dg.AssetKey("joint_weights")) == "joint_weights"


def test_the_run_of_a_preset_file_is_called_after_the_file() -> None:
    assert GraphSettings(preset="/somewhere/own.yaml", dataset="ade20k").run == "ade20k-own"


def materialised(
    instance: dg.DagsterInstance, assets: GraphSettings, settings: GraphSettings, store: Store
) -> dg.ExecuteInProcessResult:
    return whole_job(assets).execute_in_process(
        run_config=run_config(store, settings),
        tags=range_tags(settings.dataset),
        asset_selection=keys(assets, ["raw"]),
        instance=instance,
        raise_on_error=False,
    )


def test_runs_of_two_data_sets_in_one_store_have_two_histories(tmp_path: Path) -> None:
    write_shapes(tmp_path / "set", train=2, val=1, size=32)
    photos = GraphSettings(dataset="coco_panoptic", root=str(tmp_path / "set"), overrides=FEW)
    store = Store(root=str(tmp_path / "store"))
    with dg.DagsterInstance.ephemeral() as instance:
        for settings in (SHAPES, photos, SHAPES):
            assert materialised(instance, settings, settings, store).success
        seen = {
            run: len(instance.fetch_materializations(asset_key(run, "raw"), limit=9).records)
            for run in ("shapes-tiny", "coco_panoptic-tiny")
        }
        assert seen == {"shapes-tiny": 2, "coco_panoptic-tiny": 1}
        assert len(instance.get_asset_keys()) == 2


@pytest.mark.parametrize(
    "other",
    [GraphSettings(preset="photo", overrides=FEW), GraphSettings(dataset="ade20k", root="/none")],
    ids=lambda settings: settings.run,
)
def test_settings_of_another_run_are_refused_before_anything_is_made(
    tmp_path: Path, other: GraphSettings
) -> None:
    store = Store(root=str(tmp_path))
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialised(instance, SHAPES, other, store)
        assert not result.success
        assert not instance.fetch_materializations(asset_key("shapes-tiny", "raw"), limit=1).records
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    said = str(failure.step_failure_data.error)
    assert f"the settings are of {other.run}, the assets of shapes-tiny" in said
    assert f"python -m pipelines.ui --run {other.run}" in said
    assert not (tmp_path / other.run).exists()
