"""The sensor over a bucket: one run for what is complete, by the versions of its objects."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import fsspec
import pytest

from pipelines.automation import places
from pipelines.automation.watch import MARKER, watch
from tests.pipelines.automation.conftest import Clock
from tests.support.runs.arrivals import TRAIN, VAL, Place
from unigs.remote.address import Address


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.slow)])
def bucket_place(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    address = f"memory://{uuid.uuid4().hex}/set"
    # the first look also imports the library of the bucket
    monkeypatch.setattr(places, "_LONG", 1e9)
    if request.param == "s3":
        address = f"{request.getfixturevalue('bucket')}/{uuid.uuid4().hex}"
    with dg.DagsterInstance.ephemeral() as instance:
        yield Place(tmp_path, instance, address)


def span(request: dg.RunRequest) -> str:
    return request.tags["dagster/asset_partition_range_start"]


def test_a_bucket_is_asked_for_once_it_stays_and_again_when_it_changes(bucket_place: Place) -> None:
    place = bucket_place
    assert "seen for the first time" in str(place.tick())
    request = place.tick()
    assert isinstance(request, dg.RunRequest)
    given = request.run_config["resources"]["settings"]["config"]
    assert given["root"] == place.address
    place.queue(request)
    assert "queued or at work" in str(place.tick())
    place.end("failed")
    again = place.requested()
    assert again.tags["unigs/attempt"] == "1"
    place.queue(again)
    place.end("well")
    assert "none changed since run" in str(place.tick())

    place.put(VAL, '{"more": 1}')
    place.put("val2017/1.jpg", "image")
    assert f"{VAL} and 1 more changed" in str(place.tick())
    request = place.tick()
    assert isinstance(request, dg.RunRequest)
    assert span(request) == "coco_panoptic-val|inpainting"
    # the daemon starts again: the same key
    place.cursor = None
    repeated = place.tick()
    assert isinstance(repeated, dg.RunRequest)
    assert repeated.run_key == request.run_key
    place.queue(request)
    place.end("well")
    assert "none changed since run" in str(place.tick())


@pytest.mark.slow
def test_the_same_bytes_again_are_no_change(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ETag of S3 is a digest of what was put; the time of the object is another."""
    monkeypatch.setattr(places, "_LONG", 1e9)
    address, state = f"{bucket}/{uuid.uuid4().hex}", tmp_path / "state.parquet"

    def put(text: str) -> None:
        for name in (TRAIN, "train2017/1.jpg"):
            with fsspec.open(f"{address}/{name}", "w") as file:
                file.write(text)

    def content(at: float) -> dict[str, str] | None:
        watch(address, state, at)
        return watch(address, state, at + 60).content

    put("{}")
    first = content(1000.0)
    time.sleep(1.1)
    put("{}")
    assert content(2000.0) == first is not None
    put("[]")
    assert content(3000.0) != first


def test_a_marker_says_that_a_bucket_is_complete(bucket_place: Place) -> None:
    time.sleep(1.1)
    bucket_place.put(MARKER, "")
    assert isinstance(bucket_place.tick(), dg.RunRequest)


def test_a_bucket_that_cannot_be_reached_launches_nothing(
    bucket_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = bucket_place
    place.queue(place.requested())
    place.end("well")
    with monkeypatch.context() as patch:

        def away(self: Address) -> None:
            with self._reaching():
                raise ConnectionRefusedError("refused")

        patch.setattr(Address, "below", away)
        said = str(place.tick())
        assert f"{place.address}: cannot be reached" in said
        assert "the champion stays" in said
        patch.setattr(Address, "below", lambda self: {})
        assert f"{place.address}: no objects there" in str(place.tick())
    assert "none changed since run" in str(place.tick())


def test_a_long_look_at_a_bucket_is_followed_by_a_rest(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In which nothing is listed, and nothing is taken to be complete."""
    monkeypatch.setattr(places, "_RESTS", {})
    with dg.DagsterInstance.ephemeral() as instance:
        place = Place(tmp_path, instance, f"memory://{uuid.uuid4().hex}")
        monkeypatch.setattr(places, "_LONG", -1.0)
        place.tick()
        monkeypatch.setattr(places, "_REST", 1e9)
        place.tick()
        place.tick()
        with monkeypatch.context() as patch:
            patch.setattr(Address, "below", lambda self: pytest.fail("it was listed"))
            assert isinstance(place.tick(), dg.RunRequest)
            state = place.store.folder("sensors", place.settings.run)
            state.joinpath("coco_panoptic-files.parquet").unlink()
            assert "2 objects, the next look is in" in str(place.tick())
