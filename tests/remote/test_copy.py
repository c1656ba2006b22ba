"""Copies follow their addresses: only changes travel, and nothing half is believed."""

import errno
import os
import subprocess
import sys
import uuid

import fsspec
import pytest

from tests.remote.objects import put
from unigs.errors import DataError, TransientError
from unigs.index.listing import list_files
from unigs.io.files import replacing
from unigs.remote import copy as copying
from unigs.remote.address import Address
from unigs.remote.copy import copies_of, copy_folder, copy_objects, fullest_copy
from unigs.remote.listing import list_objects


@pytest.mark.parametrize("name", ["../out", "a//b", "a/./b", "a/.."])
def test_a_name_that_leaves_the_folder_is_refused(monkeypatch, tmp_path, name):
    monkeypatch.setattr(Address, "below", lambda self: {name: {"size": 1, "ETag": "x"}})
    with pytest.raises(DataError, match="cannot be the name of a file"):
        copy_objects("memory://bucket/set", tmp_path / "copy")


def test_a_copy_follows_its_address_and_only_changes_travel(address, tmp_path):
    put(address, annotations__train=b"{}", old__image=b"one", same=b"same")
    folder = copy_folder(tmp_path, address, "coco_panoptic-tiny")
    assert copy_objects(address, folder).copied == 3
    assert copy_objects(address, folder).copied == 0
    before = list_files(folder)

    put(address, annotations__train=b"[]")
    Address(address).remove("old/image")
    done = copy_objects(address, folder)
    assert (done.copied, done.removed) == (1, 1)
    assert (folder / "annotations" / "train").read_bytes() == b"[]"
    assert not (folder / "old").exists()
    # what reads the copy sees what the listing of the address says
    assert list_files(folder) == dict(done.looks) == dict(list_objects(address).looks)
    assert list_files(folder)["same"] == before["same"]


def test_a_folder_that_cannot_be_listed_is_not_taken_to_be_empty(tmp_path, monkeypatch):
    place = tmp_path / "set"
    (place / "a" / "b").mkdir(parents=True)
    for name in ("image", "a/b/one", "a/two"):
        (place / name).write_bytes(b"1")
    copy = tmp_path / "copy"
    assert copy_objects(place.as_uri(), copy).copied == 3
    kind = type(fsspec.filesystem("file"))
    ls = kind.ls

    def failing(self, path, detail=False, **options):
        if path.endswith("/b"):
            raise OSError(errno.EIO, "Input/output error")
        return ls(self, path, detail=detail, **options)

    monkeypatch.setattr(kind, "ls", failing)
    with pytest.raises(DataError, match=r"cannot be reached: .*Input/output error"):
        copy_objects(place.as_uri(), copy)
    assert (copy / "a" / "b" / "one").exists()


def test_a_copy_that_broke_off_is_gone_on_from(address, tmp_path, monkeypatch):
    put(address, a=b"1", b=b"2", c=b"3")
    get = Address.get

    def broken(self, name, target):
        if name == "b":
            raise DataError("cannot be reached")
        get(self, name, target)

    monkeypatch.setattr(Address, "get", broken)
    monkeypatch.setattr(copying, "_THREADS", 1)
    with pytest.raises(DataError, match="cannot be reached"):
        copy_objects(address, tmp_path / "copy")
    monkeypatch.undo()
    # "c" may have been on its way
    assert copy_objects(address, tmp_path / "copy").copied < 3


def test_an_object_that_is_replaced_while_it_is_copied_is_tried_again(
    address, tmp_path, monkeypatch
):
    put(address, a=b"1", b=b"2")
    get = Address.get

    def late(self, name, target):
        get(self, name, target)
        if name == "b":
            put(address, b=b"3")

    monkeypatch.setattr(Address, "get", late)
    with pytest.raises(TransientError, match="/b: was replaced while it was copied"):
        copy_objects(address, tmp_path / "copy")
    monkeypatch.undo()
    copy_objects(address, tmp_path / "copy")
    assert (tmp_path / "copy" / "b").read_bytes() == b"3"


def test_what_has_no_room_is_told_before_anything_is_copied(tmp_path, monkeypatch):
    address = f"memory://{uuid.uuid4().hex}"
    put(address, a=b"12345")
    usage = copying.shutil.disk_usage(tmp_path)._replace(free=4)
    monkeypatch.setattr(copying.shutil, "disk_usage", lambda place: usage)
    with pytest.raises(DataError, match="are to be copied"):
        copy_objects(address, tmp_path / "copy")
    assert not (tmp_path / "copy" / "a").exists()


def test_an_address_without_objects_is_told(tmp_path):
    address = f"memory://{uuid.uuid4().hex}"
    fsspec.filesystem("memory").mkdir(address)
    with pytest.raises(DataError, match="no objects there"):
        copy_objects(address, tmp_path / "copy")


def test_copies_of_addresses_and_of_presets_are_apart(tmp_path):
    addresses = [f"s3://b/{name}" for name in ("a/b", "a-b", "a_b")]
    folders = {copy_folder(tmp_path, one, f"coco-{p}") for one in addresses for p in ("x", "y")}
    assert len(folders) == 6
    assert all(folder.parent == tmp_path / copying.COPIES for folder in folders)


def test_another_copy_of_an_address_is_left_as_it_is_and_links_save_the_disk(
    address, tmp_path, monkeypatch
):
    put(address, same=b"same", replaced=b"one", gone=b"1")
    first, second = (copy_folder(tmp_path, address, f"coco-{name}") for name in ("x", "y"))
    copy_objects(address, first)
    before = list_files(first)

    put(address, replaced=b"two", new=b"2")
    Address(address).remove("gone")
    get, fetched = Address.get, []
    monkeypatch.setattr(
        Address, "get", lambda self, name, to: (fetched.append(name), get(self, name, to))
    )
    assert copies_of(tmp_path, address) == [first]
    done = copy_objects(address, second, [first])
    assert (done.copied, sorted(fetched)) == (3, ["new", "replaced"])
    assert (second / "same").samefile(first / "same")
    assert list_files(second) == dict(done.looks)
    # the run that reads the first copy sees what its `raw` saw
    assert list_files(first) == before
    assert (first / "replaced").read_bytes() == b"one"

    # and what it replaces is replaced there alone
    put(address, same=b"else")
    copy_objects(address, first)
    assert (second / "same").read_bytes() == b"same"
    assert copies_of(tmp_path, address)[0] == first


def test_of_several_copies_the_fullest_is_read_the_own_one_of_equals(tmp_path):
    place = "s3://b/set"
    assert fullest_copy(tmp_path, place, "coco-x") is None
    own, other = (copy_folder(tmp_path, place, f"coco-{name}") for name in ("x", "y"))
    for folder in (other, own):
        folder.mkdir(parents=True)
    assert fullest_copy(tmp_path, place, "coco-x") == own
    (other / "panoptic_val.json").touch()
    assert fullest_copy(tmp_path, place, "coco-x") == other


def test_a_copy_of_an_earlier_version_is_linked_from(address, tmp_path):
    """It has no preset in its name, and was the copy of all of them."""
    put(address, same=b"same")
    new = copy_folder(tmp_path, address, "coco-x")
    old = new.with_suffix("")
    copy_objects(address, old)
    assert copies_of(tmp_path, address) == [old]
    copy_objects(address, new, copies_of(tmp_path, address))
    assert (new / "same").samefile(old / "same")


def test_a_copy_that_changes_while_it_is_linked_from_is_not_believed(
    address, tmp_path, monkeypatch
):
    put(address, a=b"now")
    first, second = tmp_path / "first", tmp_path / "second"
    copy_objects(address, first)
    link = os.link

    def late(source, target):
        with replacing(source) as partial:
            partial.write_bytes(b"old")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    copy_objects(address, second, [first])
    assert (second / "a").read_bytes() == b"now"


def test_a_disk_without_links_holds_copies(address, tmp_path, monkeypatch):
    put(address, a=b"now")
    copy_objects(address, tmp_path / "first")

    def refused(source, target):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    assert copy_objects(address, tmp_path / "second", [tmp_path / "first"]).copied == 1
    assert (tmp_path / "second" / "a").read_bytes() == b"now"


KILLED = """
import os, sys
from pathlib import Path
from unigs.remote import copy as copying
from unigs.remote.address import Address
get, copying._THREADS = Address.get, 1
asked = []
def killed(self, name, target):
    asked.append(name)
    if len(asked) == 2:
        target.write_bytes(b"hal")
        os._exit(9)
    get(self, name, target)
Address.get = killed
copying.copy_objects(sys.argv[1], Path(sys.argv[2]))
"""


def test_a_kill_in_the_middle_of_a_copy_costs_what_was_on_its_way(tmp_path, monkeypatch):
    place, copy = tmp_path / "set", tmp_path / "copies" / "set"
    place.mkdir()
    for name in "abc":
        (place / name).write_bytes(b"whole")
    done = subprocess.run([sys.executable, "-c", KILLED, place.as_uri(), str(copy)], timeout=120)
    assert done.returncode == 9
    whole = {*"abc"} & {path.name for path in copy.iterdir()}
    assert (len(whole), len([*copy.iterdir()])) == (1, 2)
    get, fetched = Address.get, []
    monkeypatch.setattr(
        Address, "get", lambda self, name, to: (fetched.append(name), get(self, name, to))
    )
    # the lock went with its process, and so does what was half written
    done = copy_objects(place.as_uri(), copy)
    assert ({*fetched}, done.removed) == ({*"abc"} - whole, 1)
    assert list_files(copy) == dict(done.looks)
    assert {file.name: file.read_bytes() for file in copy.iterdir()} == dict.fromkeys(
        "abc", b"whole"
    )
