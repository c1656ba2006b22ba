"""Listings of addresses: every object with its version."""

import io
import uuid
from datetime import UTC, datetime

import fsspec
import pytest

from tests.remote.objects import put
from unigs.errors import DataError, TransientError
from unigs.remote.address import Address
from unigs.remote.listing import list_objects


def test_objects_are_listed_below_the_address_alone(address):
    put(address, annotations__train=b"{}", image=b"pixels", _SUCCESS=b"")
    put(f"{address}-other", image=b"")
    put(address, **{".hidden": b"", "annotations__.DS_Store": b"", "a~": b""})
    listed = list_objects(f"{address}")
    assert set(listed.looks) == {"annotations/train", "image", "_SUCCESS"}
    assert listed.looks["image"][0] == 6


def test_another_version_is_another_look_in_the_same_second(monkeypatch):
    when = datetime(2026, 11, 30, 12, 0, 5, tzinfo=UTC)
    said = {"size": 3, "LastModified": when, "ETag": '"a1"'}
    looks = []
    for etag in ('"a1"', '"b2"', '"a1"'):
        monkeypatch.setattr(Address, "below", lambda self, etag=etag: {"x": {**said, "ETag": etag}})
        looks.append(list_objects("memory://bucket/set"))
    assert looks[0] == looks[2]
    assert looks[0].looks["x"] != looks[1].looks["x"]
    assert {look.looks["x"][1] // 10**9 for look in looks} == {int(when.timestamp())}
    assert looks[1].versions == {"x": "b2"}


def test_objects_that_stand_for_folders_are_none(monkeypatch):
    """The address itself and folders in it, as consoles make them; and hidden ones."""
    empty, one = {"size": 0, "type": "file"}, {"size": 1, "type": "file"}
    said = {"": empty, "annotations/": empty, ".hidden//x": one, "annotations/train": one}
    monkeypatch.setattr(Address, "below", lambda self: said)
    assert set(list_objects("memory://bucket/set").looks) == {"annotations/train"}
    said["full/"] = one
    with pytest.raises(DataError, match="cannot be the name of a file"):
        list_objects("memory://bucket/set")


@pytest.mark.slow
def test_folders_that_a_console_made_are_no_objects(bucket):
    files, place = fsspec.filesystem("s3"), f"{uuid.uuid4().hex}/set"
    for name in ("", "annotations/", "annotations/train"):
        files.call_s3("put_object", Bucket=bucket[5:], Key=f"{place}/{name}", Body=b"")
    assert set(list_objects(f"{bucket}/{place}").looks) == {"annotations/train"}


def test_a_server_that_is_away_may_be_tried_again(monkeypatch):
    def away(self, *given, **options):
        raise OSError("the library's own error") from ConnectionRefusedError()

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "ls", away)
    with pytest.raises(TransientError, match="memory://bucket: cannot be reached"):
        list_objects("memory://bucket")


def test_an_object_that_goes_while_it_is_read_is_no_full_disk(tmp_path, monkeypatch):
    address = f"memory://{uuid.uuid4().hex}"
    put(address, a=b"12345")
    files = fsspec.filesystem("memory")

    class Gone(io.BytesIO):
        def read(self, size=-1):
            raise FileNotFoundError("404")

    monkeypatch.setattr(type(files), "open", lambda *given, **options: Gone())
    with pytest.raises(DataError, match=f"{address}/a: went while it was read"):
        Address(address).get("a", tmp_path / "a")


def test_an_address_that_is_not_there_is_told():
    address = f"memory://{uuid.uuid4().hex}"
    with pytest.raises(DataError, match=f"{address}: no such bucket or folder"):
        list_objects(address)


@pytest.mark.slow
def test_a_bucket_that_is_not_there_is_told(bucket):
    assert list_objects(f"{bucket}/{uuid.uuid4().hex}").looks == {}
    with pytest.raises(DataError, match="s3://nobucket/set: no such bucket or folder"):
        list_objects("s3://nobucket/set")
