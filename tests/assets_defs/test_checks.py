"""Every check of the graph fails when it should, is told in one line, and stops what follows."""

import re
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from assets_defs.cache.build import Built, build_or_reuse
from assets_defs.gate import BETTER, NOT_WORSE
from assets_defs.paper.palettes import LOCATION_HELPS
from assets_defs.paper.table_asset import WHOLE
from assets_defs.retraining.drift import DRIFT
from assets_defs.run.folders import Folders
from assets_defs.run.partitions import parts, run_tags
from pipelines.automation.requests import run_config
from pipelines.build import build_defs
from pipelines.runner.follow import Progress, follow
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.support.data.tiny_shards import write_shards
from tests.support.runs.run_assets import keys, whole_job
from unigs.datasets.shapes.generate import write_shapes
from unigs.shards.manifest import read_manifest, read_sample_table

Case = tuple[GraphSettings, tuple[str, ...]]


def execute(
    store: Store, settings: GraphSettings, names: tuple[str, ...]
) -> tuple[dg.ExecuteInProcessResult, Progress]:
    """Run some assets; return the result and the messages that a user sees."""
    job = whole_job(settings)
    progress = Progress(lambda line: None, lambda state: None)
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            run_config=run_config(store, settings),
            tags=run_tags(settings),
            asset_selection=keys(settings, names),
            instance=instance,
            raise_on_error=False,
        )
        follow(instance, result.run_id, progress)
    return result, progress


def shards_of(store: Store, settings: GraphSettings) -> list[Path]:
    """The shard folders of a run as the graph would have built them; latents are not written."""
    folders = Folders.of(store, settings)
    places = []
    for dataset, split, task in parts(settings):

        def shards(place: Path, resume: bool, task: str = task) -> Built:
            write_shards(place.parent / f".{task}", [task], 2, 32)
            for path in (place.parent / f".{task}" / task).rglob("*"):
                if path.is_file():
                    target = place / path.relative_to(place.parent / f".{task}" / task)
                    target.parent.mkdir(exist_ok=True)
                    path.rename(target)
            manifest = read_manifest(place)
            return Built(manifest.digest, {"samples": manifest.samples, "shards": 1})

        place = folders.shards(dataset, split, task)
        places.append(build_or_reuse(place, {}, shards, sealed=True).folder)
        latents = folders.latents(dataset, split, task)
        build_or_reuse(latents, {}, lambda place, resume: Built("none"), sealed=True)
    return places


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(root=str(tmp_path / "store"))


def settings_without_latents() -> GraphSettings:
    return GraphSettings(overrides={"data.latents": False})


def flipped_byte(store: Store) -> Case:
    """One bit of an image in a cached shard."""
    place = shards_of(store, settings_without_latents())[2]
    (shard,) = place.glob("*.tar")
    (*_, row) = read_sample_table(place, ["key", "members"]).to_pylist()
    data = bytearray(shard.read_bytes())
    data[row["members"][0]["offset"] + 20] ^= 1
    shard.write_bytes(data)
    return settings_without_latents(), ("shard_manifest",)


def broken_images(store: Store) -> Case:
    """Most of a split cannot be read."""
    root = store.base.parent / "set"
    write_shapes(root, train=4, val=2, size=32)
    for image in sorted((root / "train2017").glob("*.jpg"))[:3]:
        image.write_bytes(b"")
    settings = GraphSettings(dataset="coco_panoptic", root=str(root), workers=1)
    return settings, ("raw", "scenes_index_train", "scenes_index_val", "quarantine_report")


FAILING: dict[str, tuple[Callable[[Store], Case], str]] = {
    "shards_are_whole": (
        flipped_byte,
        r"shard_manifest: shards_are_whole: .*/referring-\d.*\.tar: \S+: checksum",
    ),
    "quarantined_share": (
        broken_images,
        r"quarantine_report: quarantined_share: 50\.0% .* 5\.0% are allowed; the first is \S+jpg: ",
    ),
}


def check_names() -> set[str]:
    graph = build_defs().resolve_asset_graph()
    return {key.name for key in graph.asset_check_keys}


def test_each_check_has_a_case_in_which_it_fails() -> None:
    # Those that warn and stop nothing fail in test_gate, paper/ and retraining/test_drift.
    warning = {BETTER, NOT_WORSE, WHOLE, LOCATION_HELPS, DRIFT}
    assert check_names() == set(FAILING) | warning


@pytest.mark.parametrize("name", FAILING)
def test_it_fails_and_is_told_in_one_line(store: Store, name: str) -> None:
    case, told = FAILING[name]
    settings, assets = case(store)
    result, progress = execute(store, settings, assets)
    (evaluation,) = result.get_asset_check_evaluations()
    assert (evaluation.check_name, evaluation.passed, evaluation.blocking) == (name, False, True)
    assert not result.success
    assert progress.failure is not None
    assert re.search(told, progress.failure), progress.failure


def test_a_damaged_shard_enters_no_manifest_and_a_whole_one_does(store: Store) -> None:
    settings = settings_without_latents()
    shards_of(store, settings)
    result, _ = execute(store, settings, ("shard_manifest",))
    assert result.success
    assert [item.passed for item in result.get_asset_check_evaluations()] == [True]
    before = Folders.of(store, settings).manifest.joinpath("manifest.json").read_bytes()

    place = Folders.of(store, settings).shards("shapes", "train", "entity")
    (shard,) = place.glob("*.tar")
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    result, _ = execute(store, settings, ("shard_manifest",))
    assert not [event for event in result.all_events if event.is_step_materialization]
    assert Folders.of(store, settings).manifest.joinpath("manifest.json").read_bytes() == before


def test_other_shards_put_in_place_of_the_built_ones_are_seen(store: Store) -> None:
    settings = settings_without_latents()
    place = shards_of(store, settings)[0]
    write_shards(store.base / "others", [place.name], 3, 32)
    for path in (store.base / "others" / place.name).iterdir():
        if path.is_file():
            path.rename(place / path.name)
    result, progress = execute(store, settings, ("shard_manifest",))
    assert not result.success
    assert "manifest.json: checksum mismatch" in str(progress.failure)
