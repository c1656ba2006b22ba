"""Keys are plain, fit a tar, and tell every two images apart."""

import io
import json
import tarfile
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.datasets.small_set import annotation, image, read, write_set
from unigs.colormap import Palette
from unigs.datasets.scene_keys import MAX_KEY, distinct_key, name_beside, scene_key, variant_key
from unigs.samples.sample import SampleOptions
from unigs.shards.build import build_shards, read_samples

OPTIONS = SampleOptions(Palette(grid=5), class_names=("cat", "dog"), size=32)


def keys_of(root, names):
    """The keys of a set of these images, in their order."""
    write_set(
        root,
        [image(number, name) for number, name in enumerate(names)],
        [annotation(number, number) for number in range(len(names))],
        files={name: {} for name in names},
    )
    scenes, refused, _ = read(root)
    assert not refused
    assert len(scenes) == len(names)
    return [scene.key for scene in scenes.values()]


def test_ordinary_names_keep_the_keys_they_had(tmp_path):
    names = ["000000000139.jpg", "toys/table/ADE_train_1.jpg", "a.b c.png", "x" * 87 + ".jpg"]
    expected = ["000000000139", "toys-table-ADE_train_1", "a-b-c", "x" * 87]
    assert keys_of(tmp_path, names) == expected
    assert {scene.file_name for scene in read(tmp_path)[0].values()} == {None}


@pytest.mark.parametrize(
    "names",
    [
        ["cam/1.jpg", "cam-1.jpg"],
        ["cam/1.jpg", "cam 1.jpg", "cam.1.jpg", "cam_1.jpg"],
        ["a.jpg", "a.png", "a.jpeg"],
        ["\u732b.jpg", "\u72d7.jpg", "\u9ce5.jpg"],
        ["\u043a\u043e\u0442.jpg", "\u0642\u0637\u0629.jpg", "\U0001f431.jpg", "\U0001f436.jpg"],
        [unicodedata.normalize(form, "caf\u00e9.jpg") for form in ("NFC", "NFD")],
        ["x" * 120 + "1.jpg", "x" * 120 + "2.jpg"],
        ["d/" * 40 + "1.jpg", "d/" * 40 + "2.jpg"],
        ["-.jpg", "--.jpg", "+.jpg", " .jpg"],
    ],
    ids=["folder", "signs", "suffixes", "chinese", "scripts", "accents", "long", "deep", "none"],
)  # fmt: skip
def test_no_two_images_share_a_key(tmp_path, names):
    keys = keys_of(tmp_path / "a", names)
    assert len(set(keys)) == len(names)
    assert all(len(key) <= MAX_KEY for key in keys)
    # whichever is listed first
    assert keys_of(tmp_path / "b", names[::-1]) == keys[::-1]


@given(st.text(), st.text(), st.integers(0, 10**6))
def test_keys_are_plain_and_short_for_any_name(one, two, variant):
    for key in (scene_key(one), distinct_key(one), variant_key(scene_key(one), variant)):
        assert 0 < len(key) <= MAX_KEY
        assert set(key) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
        tarfile.TarInfo(f"{key}.colormap.png").tobuf(tarfile.USTAR_FORMAT)
    assert (distinct_key(one) == distinct_key(two)) == (one == two)
    assert variant_key("x" * MAX_KEY, variant) != variant_key("x" * MAX_KEY, variant + 1)


def test_name_is_noted_only_where_the_key_does_not_tell_it():
    assert name_beside(scene_key("a/b.jpg"), "a/b.jpg") is None
    assert name_beside(scene_key("\u732b.jpg"), "\u732b.jpg") == "\u732b.jpg"


@pytest.mark.parametrize("variants", [1, 3])
def test_long_and_foreign_names_reach_the_shards(tmp_path, variants):
    long = "30-x40-north-facing-house-plan" * 4 + "_jpeg.rf.0123456789abcdef.jpg"
    fits = "y" * 87 + ".jpg"
    keys_of(tmp_path / "set", [long, "\u732b.jpg", "b.jpg", fits])
    scenes = list(read(tmp_path / "set")[0].values())
    manifest = build_shards(scenes, "entity", OPTIONS, tmp_path / "out", shards=1,
                            variants=variants)  # fmt: skip
    assert manifest.samples == 4 * variants
    samples = list(read_samples(tmp_path / "out"))
    names = {sample.scene: sample.file_name for sample in samples}
    assert names == {scene_key(long): long, scene_key("\u732b.jpg"): "\u732b.jpg", "b": None,
                     "y" * 87: None}  # fmt: skip
    data = (tmp_path / "out" / manifest.shards[0].path).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = {member.name: member for member in tar.getmembers()}
        assert len(files) == 5 * manifest.samples
        plain = next(name for name in files if name.startswith("b") and name.endswith("json"))
        # so that the bytes of ordinary shards are what they were
        assert "file_name" not in json.load(tar.extractfile(files[plain]))
