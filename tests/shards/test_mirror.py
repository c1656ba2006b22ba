"""Shards at an address and back: whole, up to date, and only what differs."""

import errno
import io
import uuid
from dataclasses import replace

import fsspec
import pytest

from assets_defs.manifest import publish
from resources.store import Store
from tests.shards.conftest import OPTIONS
from tests.support.data.made_scenes import files_of
from unigs.errors import DataError
from unigs.io.files import sha256_of
from unigs.remote import address as remote
from unigs.shards.build import build_shards
from unigs.shards.manifest import MANIFEST, read_manifest, write_manifest
from unigs.shards.mirror import pull_shards, push_shards
from unigs.shards.place import opened
from unigs.shards.read import read_samples
from unigs.shards.verify import verify_shards


@pytest.fixture(params=["memory", "folder", "s3"])
def address(request, tmp_path):
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/{uuid.uuid4().hex}"
    if request.param == "memory":
        return f"memory://{uuid.uuid4().hex}/shards"
    return str(tmp_path / "far" / "shards")


def test_what_was_pushed_is_pulled_whole_and_only_changes_travel(scenes, address, tmp_path):
    near, cache = tmp_path / "near", tmp_path / "cache"
    first = build_shards(scenes[:-1], "entity", OPTIONS, near, shards=8)
    assert len(push_shards(near, address).copied) == 8
    assert len(pull_shards(address, cache).copied) == 8
    assert verify_shards(cache) == []
    assert read_manifest(cache) == first
    assert [s.key for s in read_samples(cache)] == [s.key for s in read_samples(near)]

    second = build_shards(scenes, "entity", OPTIONS, near)
    assert push_shards(near, address).copied == second.built
    pulled = pull_shards(address, cache)
    assert pulled.copied == second.built
    assert len(pulled.unchanged) == 7
    assert read_manifest(cache).digest == second.digest
    assert pull_shards(address, cache).copied == ()


def test_removed_scene_leaves_the_address_and_the_cache(scenes, address, tmp_path):
    near, cache = tmp_path / "near", tmp_path / "cache"
    build_shards(scenes, "synthesis", OPTIONS, near, shards=8)
    push_shards(near, address)
    pull_shards(address, cache)
    few = build_shards(scenes[:2], "synthesis", OPTIONS, near)
    gone = push_shards(near, address).removed
    assert gone
    assert pull_shards(address, cache).removed == gone
    assert {path.name for path in cache.glob("*.tar")} == {shard.path for shard in few.shards}
    left = {name: data for name, data in files_of(cache).items() if name != MANIFEST}
    assert not any(scenes[5].key.encode() in data for data in left.values())


def test_a_push_that_breaks_off_is_mended_by_the_next(scenes, tmp_path, monkeypatch):
    address = f"memory://{uuid.uuid4().hex}/shards"
    files, _ = fsspec.core.url_to_fs(address)
    old, new = tmp_path / "old", tmp_path / "new"
    first = build_shards(scenes, "entity", OPTIONS, old, shards=2)
    build_shards(scenes, "entity", OPTIONS, new, shards=2, seed=1)
    push_shards(old, address)
    put = type(files).put_file

    def put_shards(self, source, *rest, **options):
        if not source.endswith(".tar"):
            raise ConnectionError("gone")
        return put(self, source, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(type(files), "put_file", put_shards)
        with pytest.raises(DataError, match="gone"):
            push_shards(new, address)
    with pytest.raises(DataError, match="no manifest"):
        pull_shards(address, tmp_path / "cache")
    push_shards(old, address)
    pull_shards(address, tmp_path / "cache")
    assert read_manifest(tmp_path / "cache").digest == first.digest


def test_only_what_happens_at_an_address_is_told_of_it(built, tmp_path, monkeypatch):
    address = f"memory://{uuid.uuid4().hex}/shards"
    push_shards(built[0], address)
    for mistake in (ValueError("ours"), OSError("ours"), KeyError("ours")):
        with pytest.raises(type(mistake), match="ours"), opened(address):
            raise mistake

    def full(source, target, length):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(remote.shutil, "copyfileobj", full)
        with pytest.raises(DataError, match="cannot be written: No space") as caught:
            pull_shards(address, tmp_path / "cache")
        assert "cannot be reached" not in str(caught.value)

    class Broken(io.BytesIO):
        def read(self, *size):
            raise ConnectionError("gone")

    name = built[1].shards[0].path
    files, _ = fsspec.core.url_to_fs(address)
    with opened(address) as source, monkeypatch.context() as patch:
        patch.setattr(type(files), "open", lambda *given, **options: Broken())
        with pytest.raises(DataError, match="cannot be reached: gone"):
            source.open(name).read(10)


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", ""])
@pytest.mark.parametrize("part", ["files", "shards"])
def test_no_manifest_writes_outside_of_its_folder(built, tmp_path, name, part):
    address, manifest = f"memory://{uuid.uuid4().hex}/shards", built[1]
    content = b"evil"
    if part == "files":
        crafted = replace(manifest, files=manifest.files | {name: sha256_of(content)})
    else:
        shard = replace(manifest.shards[0], path=name, sha256=sha256_of(content))
        crafted = replace(manifest, shards=(shard,))
    (tmp_path / "crafted").mkdir()
    write_manifest(tmp_path / "crafted", crafted)
    files, base = fsspec.core.url_to_fs(address)
    files.makedirs(base, exist_ok=True)
    files.put_file(str(tmp_path / "crafted" / MANIFEST), f"{base}/{MANIFEST}")
    with pytest.raises(DataError, match="outside of its folder"):
        pull_shards(address, tmp_path / "near" / "cache")
    assert [path.name for path in (tmp_path / "near").rglob("*")] == ["cache", ".lock"]


def test_damage_at_either_end_is_named(built, address, tmp_path):
    folder, manifest = built
    name = manifest.shards[0].path
    push_shards(folder, address)
    files, base = fsspec.core.url_to_fs(address)
    with files.open(f"{base}/{name}", "rb") as file:
        data = bytearray(file.read())
    data[700] ^= 1
    with files.open(f"{base}/{name}", "wb") as file:
        file.write(data)
    with pytest.raises(DataError, match=name):
        pull_shards(address, tmp_path / "cache")
    assert not (tmp_path / "cache" / MANIFEST).exists()

    with pytest.raises(DataError, match="no manifest"):
        pull_shards(f"{address}-elsewhere", tmp_path / "none")
    copy = tmp_path / "copy"
    for part, content in files_of(folder).items():
        (copy / part).parent.mkdir(parents=True, exist_ok=True)
        (copy / part).write_bytes(content)
    (copy / manifest.shards[1].path).write_bytes(b"")
    with pytest.raises(DataError, match="changed since"):
        push_shards(copy, address)


def test_unknown_kind_of_address_is_one_line(built):
    with pytest.raises(DataError, match="cannot be reached") as caught:
        push_shards(built[0], "nowhere://bucket")
    assert "\n" not in str(caught.value)


def test_the_stores_bucket_holds_its_folders_by_their_path(built, address, tmp_path):
    store = Store(root=str(tmp_path / "store"), bucket=address + "/")
    folder = store.folder("shapes-tiny", "shards", "train", "referring")
    for part, content in files_of(built[0]).items():
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        (folder / part).write_bytes(content)
    publish(store, [folder])
    pull_shards(f"{address}/shapes-tiny/shards/train/referring", tmp_path / "cache")
    assert read_manifest(tmp_path / "cache") == built[1]


def test_bucket_comes_from_the_environment_where_none_is_named(monkeypatch):
    assert Store().remote == ""
    monkeypatch.setenv("UNIGS_BUCKET", "s3://shards/here/")
    assert Store().remote == "s3://shards/here"
    assert Store(bucket="s3://other").remote == "s3://other"
