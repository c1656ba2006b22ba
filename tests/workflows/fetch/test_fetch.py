"""Sources of the catalog: fetched once, unpacked, with what a person must do said."""

import hashlib
import io
import json
import re
import shutil
import zipfile
from dataclasses import replace

import pytest

from tests.support.servers.unsteady_server import Unsteady, serving
from unigs.config.preset import load_preset, preset_names
from unigs.errors import ConfigError, DataError
from unigs.workflows.fetch import catalog, fetch
from unigs.workflows.fetch.catalog import SOURCES, Fetchable, RemoteFile, source_named


def archive(files):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
    return held.getvalue()


@pytest.fixture
def published(monkeypatch):
    """A source as COCO's, on a server that drops connections, and the server."""
    monkeypatch.setattr("unigs.workflows.fetch.download.BLOCK", 50)
    inner = archive({"panoptic_val2017/1.png": b"labels"})
    files = {
        "/notes.zip": archive({"annotations/a.json": b"{}", "annotations/b.zip": inner}),
        "/val.zip": archive({"val2017/1.jpg": b"photo" * 100}),
        "/train.zip": archive({"train2017/2.jpg": b"photo"}),
    }
    with serving(Unsteady(files, lets_through=100)) as server:

        def remote(name, split=None, archives=()):
            digest = hashlib.sha256(files[f"/{name}"]).hexdigest()
            return RemoteFile(f"{server.url}/{name}", digest, split, archives)

        held = (remote("notes.zip", archives=("annotations/b.zip",)),
                remote("val.zip", "val"), remote("train.zip", "train"))  # fmt: skip
        yield Fetchable("a set", "CC BY", "https://a.example", "use {place}", files=held), server


def names(folder):
    return sorted(
        file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()
    )


def test_one_split_is_unpacked_in_its_layout_and_nothing_is_fetched_twice(published, tmp_path):
    source, server = published
    said: list[str] = []
    assert fetch.fetch(source, tmp_path, "val", say=said.append) == tmp_path
    kept = [".fetched.json", "annotations/a.json", "annotations/panoptic_val2017/1.png"]
    assert names(tmp_path) == [*kept, "val2017/1.jpg"]
    asked = len(server.asked)
    fetch.fetch(source, tmp_path, "val", say=said.append)
    assert len(server.asked) == asked
    assert said[-1] == "val.zip: there already"
    fetch.fetch(source, tmp_path, say=said.append)
    assert "train2017/2.jpg" in names(tmp_path)


def test_a_single_file_stays_as_it_is(published, tmp_path):
    source, _ = published
    one = replace(source, files=(replace(source.files[1], archives=None),))
    assert fetch.fetch(one, tmp_path, say=str) == tmp_path / "val.zip"
    assert fetch.fetch(one, tmp_path, say=str).is_file()


def test_another_file_of_that_name_is_left_alone(published, tmp_path):
    source, _ = published
    (tmp_path / "notes.zip").write_bytes(b"mine")
    with pytest.raises(DataError, match="another file"):
        fetch.fetch(source, tmp_path, say=str)
    assert (tmp_path / "notes.zip").read_bytes() == b"mine"


def test_what_is_no_archive_is_said(published, tmp_path):
    source, server = published
    server.files["/val.zip"] = b"no archive"
    broken = replace(source.files[1], sha256=hashlib.sha256(b"no archive").hexdigest())
    with pytest.raises(DataError, match="cannot be unpacked"):
        fetch.fetch(replace(source, files=(broken,)), tmp_path, say=str)


def test_a_wrong_split_names_those_that_there_are(published, tmp_path):
    source, _ = published
    with pytest.raises(ConfigError, match="train, val"):
        fetch.fetch(source, tmp_path, "test", say=str)


def test_a_publisher_who_wants_a_person(tmp_path):
    with pytest.raises(ConfigError, match="register there"):
        fetch.fetch(source_named("ade20k"), tmp_path, say=str)


def test_the_nearest_name_is_told():
    with pytest.raises(ConfigError, match="did you mean coco"):
        source_named("cocoo")


def test_every_source_says_all_of_itself():
    for name, one in SOURCES.items():
        assert all((one.what, one.licence, one.use)), name
        assert one.page.startswith("https://"), name
        assert sum(map(bool, (one.hub, one.files, one.by_hand))) == 1, name
        assert all(re.fullmatch(r"[0-9a-f]{8,64}", file.sha256) for file in one.files), name


def test_checkpoints_are_those_of_the_presets():
    """A preset finds in the Hub's cache what was fetched for it."""
    wanted = set()
    for name in preset_names():
        preset = load_preset(name)
        wanted |= {preset.checkpoint, preset.autoencoder.source, preset.evaluation.clip,
                   preset.evaluation.segmenter}  # fmt: skip
    hubs = {one.hub for one in SOURCES.values()}
    assert {one for one in wanted if one and "/" in str(one)} <= hubs


def test_only_safetensors_are_taken_of_weights():
    from unigs.models.source import HUB_PATTERNS

    assert not [one for one in HUB_PATTERNS if not one.endswith((".safetensors", ".json", ".txt"))]
    assert catalog.SOURCES["clip"].hub is not None


def test_the_record_is_readable(published, tmp_path):
    source, _ = published
    fetch.fetch(source, tmp_path, "val", say=str)
    record = json.loads((tmp_path / fetch.RECORD).read_text())
    made = (["annotations", "annotations/panoptic_val2017"], ["val2017"])
    assert record == {
        file.url: {"sha256": file.sha256, "made": entries}
        for file, entries in zip(source.files[:2], made, strict=True)
    }


def test_what_was_deleted_is_fetched_again(published, tmp_path):
    source, _ = published
    fetch.fetch(source, tmp_path, "val", say=str)
    shutil.rmtree(tmp_path / "val2017")
    fetch.fetch(source, tmp_path, "val", say=str)
    assert "val2017/1.jpg" in names(tmp_path)


def test_an_inner_archive_that_fails_does_not_cost_the_outer_one(published, tmp_path, monkeypatch):
    source, server = published
    unpack = fetch._unpack

    def full(place):
        if place.name == "b.zip":
            raise DataError("the disk is full", file=place)
        return unpack(place)

    with monkeypatch.context() as patch:
        patch.setattr(fetch, "_unpack", full)
        with pytest.raises(DataError, match="full"):
            fetch.fetch(source, tmp_path, "val", say=str)
    asked = sum("notes" in one for one in map(str, server.asked))
    fetch.fetch(source, tmp_path, "val", say=str)
    assert sum("notes" in one for one in map(str, server.asked)) == asked
    assert "annotations/panoptic_val2017/1.png" in names(tmp_path)


@pytest.mark.parametrize("held", ["[]", '{"url": 3}'])
def test_a_record_of_another_form_is_written_anew(published, tmp_path, held):
    source, _ = published
    (tmp_path / fetch.RECORD).write_text(held)
    fetch.fetch(source, tmp_path, "val", say=str)
    assert "val2017/1.jpg" in names(tmp_path)


def test_a_folder_with_files_is_never_replaced_by_weights(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        fetch.fetch(source_named("taesd"), tmp_path, say=str)
    assert (tmp_path / "mine.txt").read_text() == "mine"
