"""The graph with its shards in a bucket: a local S3 server, an ephemeral instance."""

import shutil
from pathlib import Path

import fsspec
import pytest

from assets_defs.cache.build import Built, build_or_reuse
from assets_defs.cache.records import build_record
from assets_defs.manifest import fetch, publish
from assets_defs.run.folders import Folders
from assets_defs.run.partitions import parts
from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.e2e.command import write_preset
from tests.support.data.made_scenes import files_of
from tests.support.data.tiny_shards import write_shards
from tests.support.runs.run_assets import materialise
from unigs.errors import DataError
from unigs.shards.manifest import MANIFEST, read_manifest
from unigs.shards.verify import verify_shards

DATA = ("raw", "scenes_index_train", "scenes_index_val", "quarantine_report", "shards", "latents")
DATA = (*DATA, "autoencoder", "text_encoder", "shard_manifest", "scene_statistics")
SCENES = {"train_scenes": 8, "val_scenes": 4, "samples_per_shard": 4}


def place_of(store: Store, samples: int) -> Path:
    """A folder of shards in the store, recorded as a graph's."""

    def build(folder: Path, resume: bool) -> Built:
        write_shards(folder.parent / "made", ["entity"], samples, 32)
        shutil.copytree(folder.parent / "made" / "entity", folder, dirs_exist_ok=True)
        return Built(read_manifest(folder).digest)

    place = store.base / "train" / "entity"
    return build_or_reuse(place, {"samples": samples}, build, sealed=True).folder


def test_what_is_here_whole_is_kept_whatever_the_bucket_holds(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    store = Store(root=str(tmp_path / "store"), bucket=str(bucket))
    place = place_of(store, 6)
    before = files_of(place)
    fetch(store, [place])
    assert not bucket.exists()

    other = Store(root=str(tmp_path / "other"), bucket=store.bucket)
    publish(other, [place_of(other, 3)])
    fetch(store, [place])
    assert files_of(place) == before


def test_other_shards_in_the_bucket_are_refused_before_anything_changes(tmp_path: Path) -> None:
    store = Store(root=str(tmp_path / "store"), bucket=str(tmp_path / "bucket"))
    other = Store(root=str(tmp_path / "other"), bucket=store.bucket)
    publish(other, [place_of(other, 3)])
    place = place_of(store, 6)
    shard = next(place.glob("*.tar"))
    shard.unlink()
    before = files_of(place)
    with pytest.raises(DataError, match="holds the shards"):
        fetch(store, [place])
    assert files_of(place) == before

    shutil.rmtree(store.remote)
    publish(other, [place_of(other, 6)])
    fetch(store, [place])
    assert verify_shards(place) == []


@pytest.mark.slow
def test_shards_land_in_the_bucket_and_training_fetches_what_is_missing(
    bucket: str, tmp_path: Path
) -> None:
    preset = write_preset(tmp_path / "few.yaml", {"processes": 1, "steps": 2}, **SCENES)
    settings = GraphSettings(preset=str(preset), workers=1)
    store = Store(root=str(tmp_path / "store"), bucket=f"{bucket}/graph")
    materialise(store, settings, [*DATA])
    folders = Folders.of(store, settings)
    places = [kind(*part) for part in parts(settings) for kind in (folders.shards, folders.latents)]
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    for place in places:
        there = {name.rsplit("/", 1)[1] for name in files.ls(store.address(place))}
        assert {MANIFEST, *(shard.path for shard in read_manifest(place).shards)} <= there

    held, broken = (folders.latents("shapes", split, "entity") for split in ("train", "val"))
    for path in (*held.glob("*.tar"), held / MANIFEST):
        path.unlink()
    shard = next(broken.glob("*.tar"))
    shard.write_bytes(shard.read_bytes()[:-512])
    assert materialise(store, settings, ["entity_weights"]).success
    assert verify_shards(held) == verify_shards(broken) == []
    client = Tracking(store=store).client()
    run_id = build_record(folders.weights("entity"))["metadata"]["mlflow_run_id"]
    experiment = client.get_run(run_id).info.experiment_id
    table = client.load_table(experiment, "tables/data_statistics.json", [run_id])
    counts = table.set_index("name").loc["images"].tolist()
    assert SCENES["train_scenes"] in counts
    assert "images/data.png" in [item.path for item in client.list_artifacts(run_id, "images")]

    # without a bucket nothing brings them back
    shutil.rmtree(folders.weights("entity"))
    next(held.glob("*.tar")).unlink()
    alone = Store(root=store.root)
    with pytest.raises(DataError, match="checksum mismatch"):
        materialise(alone, settings, ["entity_weights"])
