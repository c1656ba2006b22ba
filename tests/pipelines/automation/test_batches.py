"""What arrives is a partition: once, with its files, materialised by the run that took it in."""

import shutil
from typing import Any

import dagster as dg
import pytest

from assets_defs.arrival.batches import annotation_batch, batches_of
from assets_defs.data import index_file
from assets_defs.run.folders import Folders
from pipelines.build import build_defs
from pipelines.jobs import jobs_of
from resources.run_settings import GraphSettings
from tests.support.runs.arrivals import TRAIN, VAL, Place
from unigs.datasets import open_dataset
from unigs.datasets.shapes.generate import write_shapes
from unigs.index.scenes_index import build_index


def keys(place: Place) -> list[str]:
    return list(place.instance.get_dynamic_partitions(str(batches_of(place.settings.run).name)))


def told(place: Place) -> dict[str, dict[str, Any]]:
    """Partition -> metadata of its materialisation; each has one."""
    key = annotation_batch(place.settings.run).key
    found = place.instance.fetch_materializations(key, limit=100).records
    events = [record.asset_materialization for record in found]
    assert len({event.partition for event in events if event}) == len(found)
    return {
        event.partition or "": {name: said.value for name, said in event.metadata.items()}
        for event in events
        if event
    }


def taken_in(place: Place) -> str:
    """Have a run of the sensor's succeed; its id."""
    place.queue(place.requested())
    place.end("well")
    place.tick()
    return place.instance.get_runs(limit=1)[0].run_id


def test_a_batch_is_a_partition_and_names_the_run_that_took_it_in(place: Place) -> None:
    place.tick()
    assert keys(place) == []
    run = taken_in(place)
    (first,) = keys(place)
    assert first.startswith("coco_panoptic-2")
    assert told(place)[first]["run"] == run
    assert told(place)[first]["files"] == 2

    place.put(TRAIN, '{"more": 1}')
    place.put("train2017/1.jpg", "image")
    (place.root / VAL).touch()
    later = taken_in(place)
    _, second = keys(place)
    said = told(place)[second]
    assert said["run"] == later != run
    assert (said["files"], said["annotation_files"]) == (2, 1)
    assert TRAIN in said["digests"]


def test_a_batch_on_which_no_run_succeeds_stays_missing_until_one_has_it(place: Place) -> None:
    taken_in(place)
    place.put(TRAIN, '{"broken": 1}')
    place.queue(place.requested())
    place.end("failed")
    place.tick()
    first, broken = keys(place)
    assert set(told(place)) == {first}
    place.put(TRAIN, '{"mended": 1}')
    run = taken_in(place)
    mended = keys(place)[2]
    assert {key: said["run"] for key, said in told(place).items()}[broken] == run
    assert told(place)[broken]["files_replaced_since"] == 1
    assert told(place)[mended]["files_replaced_since"] == 0


def test_batches_are_added_and_told_once_whatever_is_lost(place: Place) -> None:
    taken_in(place)
    before = told(place)
    for _ in range(2):
        place.cursor = None
        shutil.rmtree(place.store.base / "sensors")
        for _ in range(3):
            place.tick()
    assert told(place) == before
    assert list(before) == keys(place)


def test_a_partition_whose_tick_was_lost_keeps_its_files(place: Place) -> None:
    """The daemon ended after the look, before it had added the partition."""
    place.tick()
    adding = place.instance.add_dynamic_partitions
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(place.instance), "add_dynamic_partitions", lambda *given: None)
        place.tick()
    assert keys(place) == []
    assert place.instance.add_dynamic_partitions == adding
    taken_in(place)
    assert [said["files"] for said in told(place).values()] == [2]


def test_a_daemon_that_is_killed_between_a_batch_and_its_run_asks_for_it_once(place: Place) -> None:
    """Right after it added the partition, and right after it told who took it in."""

    class Killed(BaseException):
        pass

    def killed_after(name: str) -> None:
        done = getattr(type(place.instance), name)

        def killed(*given: Any) -> None:
            done(*given)
            raise Killed

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(place.instance), name, killed)
            with pytest.raises(Killed):
                place.tick()

    place.tick()
    killed_after("add_dynamic_partitions")
    added = keys(place)
    assert len(added) == 1
    request = place.tick()
    assert isinstance(request, dg.RunRequest)
    place.queue(request)
    place.end("well")
    killed_after("report_runless_asset_event")
    assert "none changed since run" in str(place.tick())
    assert [*told(place)] == keys(place) == added
    assert len(place.instance.get_runs()) == 1


def test_scenes_of_a_batch_and_what_was_quarantined_are_counted(place: Place) -> None:
    folders = Folders.of(place.store, place.settings)

    def deliver(scenes: int, broken: int = 0) -> None:
        write_shapes(place.root, train=scenes, val=2, size=32)
        images = sorted((place.root / "train2017").glob("*.jpg"))
        for image in images[len(images) - broken :]:
            image.write_bytes(b"")
        for split in ("train", "val"):
            index = index_file(folders, "coco_panoptic", split)
            index.parent.mkdir(parents=True, exist_ok=True)
            build_index(open_dataset("coco_panoptic", place.root, split), index)

    for name in (TRAIN, VAL):
        (place.root / name).unlink()
    deliver(4)
    taken_in(place)
    deliver(7, broken=1)
    taken_in(place)
    first, second = keys(place)
    counts = {key: (said["scenes"], said["quarantined"]) for key, said in told(place).items()}
    assert counts == {first: (6, 0), second: (2, 1)}
    assert ".jpg |" in told(place)[second]["reasons"]


def test_no_job_has_the_batches_among_its_assets() -> None:
    defs = build_defs()
    key = annotation_batch("shapes-tiny").key
    assert key in defs.resolve_asset_graph().get_all_asset_keys()
    for job in jobs_of(GraphSettings()):
        selected = defs.resolve_job_def(job.name).asset_layer.executable_asset_keys
        assert selected
        assert key not in selected
