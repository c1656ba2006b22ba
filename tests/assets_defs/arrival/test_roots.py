"""The graph over a data set in a bucket: it is copied into the store, and only changes travel."""

import uuid
from pathlib import Path

import dagster as dg
import fsspec
import pytest

from assets_defs.cache.records import build_record
from assets_defs.run.folders import Folders
from resources.run_settings import GraphSettings, absolute
from resources.store import Store
from tests.e2e.command import write_preset
from tests.support.runs.run_assets import materialise
from unigs.datasets.shapes.generate import write_shapes
from unigs.remote.copy import copy_folder

ASSETS = ("raw", "scenes_index_train", "scenes_index_val", "quarantine_report")


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.slow)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A bucket with twelve scenes of training and four of validation."""
    address = f"memory://{uuid.uuid4().hex}/set"
    if request.param == "s3":
        address = f"{request.getfixturevalue('bucket')}/{uuid.uuid4().hex}"
    write_shapes(tmp_path / "set", train=12, val=4, size=32)
    upload(tmp_path / "set", address)
    return address


def upload(folder: Path, address: str) -> None:
    files, base = fsspec.core.url_to_fs(address)
    for path in folder.rglob("*"):
        if path.is_file():
            place = f"{base}/{path.relative_to(folder).as_posix()}"
            files.makedirs(place.rpartition("/")[0], exist_ok=True)
            files.put_file(str(path), place)


def execute(store: Store, settings: GraphSettings) -> dg.ExecuteInProcessResult:
    return materialise(store, settings, ASSETS, may_fail=True)


def test_a_run_copies_a_bucket_and_reads_the_copy(address: str, tmp_path: Path) -> None:
    preset = write_preset(tmp_path / "few.yaml")
    settings = GraphSettings(
        preset=str(preset), dataset="coco_panoptic", root=absolute(f"{address}/"), workers=1
    )
    store = Store(root=str(tmp_path / "store"))
    folders = Folders.of(store, settings)
    assert execute(store, settings).success
    raw = build_record(folders.raw("coco_panoptic"))
    assert raw["metadata"]["root"] == address
    train = build_record(folders.scenes("coco_panoptic", "train"))["metadata"]
    assert (train["images"], train["quarantined"], train["reused"]) == (12, 0, 0)
    copy = copy_folder(store.base, address, "coco_panoptic-few")
    assert {path.name for path in copy.iterdir()} == {"annotations", "train2017", "val2017"}

    # nothing changed: nothing is read again, also after the copy was lost
    before = build_record(folders.scenes("coco_panoptic", "train"))
    for path in copy.rglob("*.jpg"):
        path.unlink()
    assert execute(store, settings).success
    assert build_record(folders.raw("coco_panoptic"))["digest"] == raw["digest"]
    assert build_record(folders.scenes("coco_panoptic", "train")) == before

    write_shapes(tmp_path / "set", train=15, val=4, size=32)
    upload(tmp_path / "set", address)
    assert execute(store, settings).success
    train = build_record(folders.scenes("coco_panoptic", "train"))["metadata"]
    assert train["images"] == 15


def test_an_address_with_nothing_is_a_line(tmp_path: Path) -> None:
    address = f"memory://{uuid.uuid4().hex}"
    settings = GraphSettings(dataset="coco_panoptic", root=address, workers=1)
    result = execute(Store(root=str(tmp_path / "store")), settings)
    (failure,) = result.get_step_failure_events()
    error = failure.step_failure_data.error
    assert error is not None
    assert f"{address}: no such bucket or folder" in f"{error.message}{error.cause}"
