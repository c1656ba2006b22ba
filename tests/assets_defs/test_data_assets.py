"""The data half of the graph on an ephemeral instance: what is quarantined, reused and rebuilt."""

import json
import shutil
from pathlib import Path

import pytest

from assets_defs import data, shards
from assets_defs.cache.build import Outcome
from assets_defs.manifest import dataset_inputs
from assets_defs.run.folders import Folders
from assets_defs.run.keys import asset_name
from assets_defs.run.partitions import SHARD_PARTITIONS, range_tags
from pipelines.runner.follow import reason_of
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.support.runs.run_assets import materialise
from unigs.datasets.shapes.generate import write_shapes
from unigs.io.files import sha256_of
from unigs.lineage.answer import Answer
from unigs.lineage.build_graph import BuildGraph
from unigs.lineage.taint import forget, remember
from unigs.lineage.trace import Trace
from unigs.tasks import TASKS

DATA = "coco_panoptic"
# One worker: pools of processes are the library's to test.
OVERRIDES = {"data.size": 32, "data.samples_per_shard": 4, "data.quarantined_share": 0.3}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_shapes(tmp_path / "set", train=8, val=4, size=32)
    return tmp_path / "set"


class Graph:
    """Runs the assets of the data group and remembers what their metadata said."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root=str(root.parent / "store"))
        self.settings = GraphSettings(dataset=DATA, root=str(root), overrides=OVERRIDES, workers=1)
        self.told = ""

    def run(self, *, fails: bool = False) -> dict[str, dict]:
        names = ["raw", "scenes_index_train", "scenes_index_val", "quarantine_report", "shards"]
        result = materialise(self.store, self.settings, names, may_fail=True)
        assert result.success is not fails
        failures = [event for event in result.all_events if event.is_step_failure]
        self.told = reason_of(failures[0].step_failure_data.error) if failures else ""
        return {
            asset_name(event.asset_key): {
                key: value.value for key, value in event.materialization.metadata.items()
            }
            for event in result.all_events
            if event.is_step_materialization
        }


@pytest.fixture
def graph(root: Path) -> Graph:
    return Graph(root)


def test_second_run_keeps_everything(graph: Graph) -> None:
    first, second = graph.run(), graph.run()
    assert not any(entry["cached"] for entry in first.values())
    assert all(entry["cached"] for entry in second.values())
    assert first["scenes_index_train"]["images"] == 8
    assert first["scenes_index_train"]["reused"] == 0
    assert {key: entry.get("digest") for key, entry in first.items()} == {
        key: entry.get("digest") for key, entry in second.items()
    }


def test_what_other_tools_leave_behind_changes_nothing(graph: Graph, root: Path) -> None:
    graph.run()
    for folder in (root, *(path.parent for path in Path(graph.store.root).rglob("kept.json"))):
        for name in (".git/config", ".ipynb_checkpoints/a.json", "__MACOSX/a.jpg", "Thumbs.db"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("left")
    assert all(entry["cached"] for entry in graph.run().values())


def test_a_changed_annotation_rebuilds_its_split_and_few_shards(graph: Graph, root: Path) -> None:
    graph.run()
    before = digests(graph, "train")
    file = root / "annotations" / "panoptic_train2017.json"
    content = json.loads(file.read_text())
    dropped = content["annotations"].pop()
    content["images"] = [i for i in content["images"] if i["id"] != dropped["image_id"]]
    file.write_text(json.dumps(content))
    entries = graph.run()
    assert not entries["scenes_index_train"]["cached"]
    assert entries["scenes_index_train"]["images"] == 7
    assert entries["scenes_index_train"]["reused"] == 7
    after = digests(graph, "train")
    assert before.keys() == after.keys()
    assert 1 <= sum(before[name] != after[name] for name in before) <= 4
    record = kept(graph, "shards", "val", "entity")
    assert record["metadata"]["shards_built"] >= 1


def test_rows_that_other_code_read_are_not_reused(graph: Graph) -> None:
    graph.run()
    cache = next((folder(graph) / "scenes" / "train").glob(".rows-*.parquet"))
    other = cache.with_name(".rows-0123456789abcdef.parquet")
    cache.rename(other)
    (folder(graph) / "scenes" / "train" / "index.parquet").unlink()
    entries = graph.run()
    assert entries["scenes_index_train"]["reused"] == 0
    assert cache.is_file()
    assert not other.exists()


def test_a_broken_image_is_quarantined_and_the_run_goes_on(graph: Graph, root: Path) -> None:
    image = sorted((root / "train2017").glob("*.jpg"))[0]
    image.write_bytes(image.read_bytes()[:200])
    entries = graph.run()
    assert entries["scenes_index_train"]["quarantined"] == 1
    assert entries["quarantine_report"]["quarantined"] == 1
    report = json.loads((folder(graph) / "quarantine" / "quarantine.json").read_text())
    assert image.name in json.dumps(report)


def test_too_much_refused_stops_before_the_shards(graph: Graph, root: Path) -> None:
    for image in sorted((root / "train2017").glob("*.jpg"))[:6]:
        image.write_bytes(b"")
    entries = graph.run(fails=True)
    assert "quarantine_report" in entries
    assert "shards" not in entries


def test_a_store_that_was_moved_is_used_where_it_lies(graph: Graph) -> None:
    first = graph.run()
    old, new = graph.store.base, graph.store.base.with_name("elsewhere") / "deep" / "store"
    new.parent.mkdir(parents=True)
    old.rename(new)
    graph.store = Store(root=str(new))
    for shard in (folder(graph) / "shards").rglob("*.tar"):
        shard.unlink()
    second = graph.run()
    assert second["scenes_index_train"]["cached"]
    assert not second["shards"]["cached"]
    assert {key: entry.get("digest") for key, entry in first.items()} == {
        key: entry.get("digest") for key, entry in second.items()
    }
    assert not old.exists()


def test_missing_annotations_fail_with_their_name(graph: Graph, root: Path) -> None:
    (root / "annotations" / "panoptic_val2017.json").unlink()
    assert "scenes_index_val" not in graph.run(fails=True)


def test_annotations_that_vanish_during_the_run_are_named_and_may_come_back(
    graph: Graph, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph.run()
    before = digests(graph, "val")
    file = root / "annotations" / "panoptic_val2017.json"
    text, observe = file.read_text(), data.observed

    def observed(place: Path, folder: Path) -> Outcome:
        outcome = observe(place, folder)
        file.unlink()
        return outcome

    file.write_text(text + " ")
    with monkeypatch.context() as patch:
        patch.setattr(data, "observed", observed)
        entries = graph.run(fails=True)
    assert file.name in graph.told
    assert "shards" not in entries
    assert digests(graph, "val") == before
    file.write_text(text)
    graph.run()
    assert digests(graph, "val") == before


def test_images_that_are_missing_are_quarantined_until_they_come_back(
    graph: Graph, root: Path, tmp_path: Path
) -> None:
    first = graph.run()
    before = digests(graph, "train")
    images = sorted((root / "train2017").glob("*.jpg"))
    images[0].rename(tmp_path / images[0].name)
    assert graph.run()["quarantine_report"]["quarantined"] == 1
    (record,) = json.loads((folder(graph) / "quarantine" / "quarantine.json").read_text())
    assert images[0].name in record["file"]
    assert "No such file" in record["reason"]
    for image in images[1:4]:
        image.rename(tmp_path / image.name)
    assert "shards" not in graph.run(fails=True)
    for image in images[:4]:
        (tmp_path / image.name).rename(image)
    again = graph.run()
    assert again["scenes_index_train"]["digest"] == first["scenes_index_train"]["digest"]
    assert digests(graph, "train") == before


def test_an_image_that_is_away_after_it_was_indexed_is_tried_again_by_the_next_run(
    graph: Graph, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, draw = min((root / "train2017").glob("*.jpg")), shards.drawn

    def drawn(*arguments: object) -> Outcome:
        away = image.rename(tmp_path / image.name)
        outcome = draw(*arguments)
        away.rename(image)
        return outcome

    with monkeypatch.context() as patch:
        patch.setattr(shards, "drawn", drawn)
        graph.run()
    assert "cannot be read: No such file" in str(kept(graph, "shards", "train", "entity"))
    assert graph.run()["scenes_index_train"]["cached"]
    record = kept(graph, "shards", "train", "entity")["metadata"]
    assert (record["shards_built"], record["samples"]) == (1, 8)
    assert all(entry["cached"] for entry in graph.run().values())


def test_a_range_of_partitions_begins_and_ends_with_partitions_of_the_graph() -> None:
    assert set(range_tags("open_images").values()) <= set(SHARD_PARTITIONS.get_partition_keys())


def folder(graph: Graph) -> Path:
    return graph.store.base / f"{DATA}-tiny"


def kept(graph: Graph, *parts: str) -> dict:
    return json.loads(folder(graph).joinpath(*parts, "kept.json").read_text())


def digests(graph: Graph, split: str) -> dict[str, str]:
    """Shard file -> digest over all tasks of a split."""
    found = {}
    for manifest in (folder(graph) / "shards" / split).glob("*/manifest.json"):
        for shard in json.loads(manifest.read_text())["shards"]:
            found[shard["path"]] = shard["sha256"]
    return found


def test_a_forgotten_image_leaves_everything_and_comes_back(graph: Graph, root: Path) -> None:
    first = graph.run()
    before = digests(graph, "train")
    image = sorted((root / "train2017").glob("*.jpg"))[2]
    trace = Trace(BuildGraph(graph.store.base))
    forget(trace, [str(image)], "a letter")
    entries = graph.run()
    assert entries["scenes_index_train"]["images"] == 7
    assert entries["scenes_index_train"]["quarantined"] == 0
    assert entries["scenes_index_train"]["reused"] == 7
    # one shard of a task holds the image, and it does not count as quarantined
    assert 1 <= sum(before[name] != digest for name, digest in digests(graph, "train").items()) <= 4
    assert entries["quarantine_report"]["quarantined_share"] == 0
    assert entries["quarantine_report"]["forgotten"] == 1
    (record,) = json.loads((folder(graph) / "quarantine" / "quarantine.json").read_text())
    assert record["file"] == f"train2017/{image.name}"
    assert record["reason"].endswith(": a letter")
    answer = Answer(Trace(BuildGraph(graph.store.base))).about(str(image))
    assert answer["forgotten"] == [record["reason"]]
    assert {held["current"] for held in answer["shards"]} == {False}
    assert len(answer["shards"]) == 4
    remember(trace, [str(image)])
    again = graph.run()
    assert digests(graph, "train") == before
    assert again["scenes_index_train"]["digest"] == first["scenes_index_train"]["digest"]


def test_a_store_of_an_earlier_version_notes_what_it_reuses(graph: Graph, root: Path) -> None:
    graph.run()
    shutil.rmtree(graph.store.base / "lineage")
    for file in graph.store.base.rglob(".*.history.jsonl"):
        file.unlink()
    assert all(entry["cached"] for entry in graph.run().values())
    image = sorted((root / "val2017").glob("*.jpg"))[0]
    answer = Answer(Trace(BuildGraph(graph.store.base))).about(str(image))
    assert {held["folder"] for held in answer["shards"]} == {
        f"{DATA}-tiny/shards/val/{task}" for task in TASKS
    }


def test_inputs_of_a_run_reach_from_shards_to_annotations(graph: Graph, root: Path) -> None:
    graph.run()
    folders = Folders.of(graph.store, graph.settings)
    found = {item.name: item for item in dataset_inputs(folders, graph.settings, "train", TASKS)}
    assert set(found) == {
        *(f"{DATA}-train.{task}" for task in TASKS),
        f"{DATA}-train.scenes",
        f"{DATA}-train.annotations",
    }
    for name, source in (
        ("scenes", folder(graph) / "scenes" / "train" / "index.parquet"),
        ("annotations", root / "annotations" / "panoptic_train2017.json"),
    ):
        item = found[f"{DATA}-train.{name}"]
        assert (item.source, item.digest) == (source, sha256_of(source))
