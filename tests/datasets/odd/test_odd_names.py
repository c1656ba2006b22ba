"""File names of other systems, of two images, and of what is no image."""

import os
import unicodedata

import pytest

from tests.datasets.faults import edit
from tests.datasets.layouts import IMAGES
from tests.datasets.small_set import (
    SMALL,
    WIDTH,
    annotation,
    image,
    names_of,
    photograph,
    read,
    write_set,
)
from unigs.datasets import open_dataset
from unigs.index.scenes_index import build_index

ODD_NAMES = {
    "backslash": ("images\\1/90fb.jpg", "images/1/90fb.jpg"),
    "percent": ("04-%206%20HD.JPG", "04- 6 HD.JPG"),
    "percent and backslash": ("a%5Cb%20c.jpg", "a/b c.jpg"),
    "percent in another script": ("%E7%8C%AB.jpg", "\u732b.jpg"),
    "composed": (unicodedata.normalize("NFC", "caf\u00e9.jpg"), "cafe\u0301.jpg"),
    "decomposed": ("cafe\u0301.jpg", "caf\u00e9.jpg"),
    "backslash in the name itself": ("a\\b.jpg", "a\\b.jpg"),
    "percent in the name itself": ("a%20b.jpg", "a%20b.jpg"),
    "dot": ("./a.jpg", "a.jpg"),
    "80 characters of three bytes": ("\u732b" * 80 + ".jpg", "\u732b" * 80 + ".jpg"),
}


@pytest.mark.parametrize("case", ODD_NAMES)
def test_file_is_found_by_the_name_of_another_system(tmp_path, case):
    said, real = ODD_NAMES[case]
    scenes, refused, _ = read(write_set(tmp_path, [image(name=said)], files={real: {}}))
    assert not refused
    (scene,) = scenes.values()
    assert scene.image_file == tmp_path / "val2017" / real


REFUSED_NAMES = [
    "..\\a.jpg", "x\\..\\..\\a.jpg", "C:\\data\\a.jpg", "c:/a.jpg", "\\\\server\\a.jpg", "\\a.jpg",
    "%2e%2e%2fa.jpg", "%2e%2e/a.jpg", "..%5ca.jpg", "%2fetc%2fpasswd", "a%00.jpg", "a\0.jpg",
    "..", "../a.jpg", "/etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_NAMES)
def test_names_that_leave_the_folder_stay_refused(tmp_path, name):
    write_set(tmp_path, [image(name=name), image(2, "b.jpg")],
              [annotation(), annotation(2, 2)], files={"b.jpg": {}})  # fmt: skip
    # what a climb would reach
    photograph().save(tmp_path / "a.jpg")
    scenes, refused, _ = read(tmp_path)
    assert list(scenes) == ["b"]
    assert ["not a plain relative path" in item.reason for item in refused] == [True]


def test_too_long_a_name_is_refused_in_a_line(tmp_path):
    write_set(tmp_path, [image(name="\u732b" * 90 + ".jpg"), image(2, "b.jpg")],
              [annotation(), annotation(2, 2)], files={"b.jpg": {}})  # fmt: skip
    _, refused, _ = read(tmp_path)
    assert ["too long" in item.reason for item in refused] == [True]


def test_a_file_name_that_is_not_utf8_refuses_its_image_alone(tmp_path):
    images = [image(1, "caf%E9.jpg"), image(2, "b.jpg")]
    root = write_set(tmp_path, images, [annotation(), annotation(2, 2)],
                     files={os.fsdecode(b"caf\xe9.jpg"): {}, "b.jpg": {}})  # fmt: skip
    scenes, refused, dataset = read(root)
    assert list(scenes) == ["b"]
    assert [(item.file, item.record) for item in refused] == [("val2017/caf\\udce9.jpg", "image 1")]
    assert "not UTF-8" in refused[0].reason
    assert build_index(dataset, tmp_path / "index.parquet").images == 1


def test_one_file_listed_twice_is_one_image(tmp_path):
    write_set(
        tmp_path,
        [image(1, "f 1.png"), image(51, "f%201.png"), image(1, "f 1.png")],
        [annotation(1, 1), annotation(2, 51, category_id=2, segmentation=[SMALL])],
        files={"f 1.png": {"format": "PNG"}},
    )
    scenes, refused, dataset = read(tmp_path)
    assert not refused
    (scene,) = scenes.values()
    assert names_of(scene) == ["cat", "dog"]
    assert sorted(dataset.notes.values()) == [1, 1]


@pytest.mark.parametrize("sizes", [(WIDTH, None), (None, WIDTH), (None, None)])
def test_a_size_that_one_listing_does_not_know_is_not_another(tmp_path, sizes):
    images = [image(number, width=width) for number, width in enumerate(sizes, 1)]
    both = [annotation(), annotation(2, 2, category_id=2, segmentation=[SMALL])]
    scenes, refused, _ = read(write_set(tmp_path, images, both))
    assert not refused
    assert names_of(scenes["a"]) == ["cat", "dog"]


def test_one_file_of_two_sizes_is_told(tmp_path):
    images = [image(), image(2, width=1)]
    scenes, refused, _ = read(write_set(tmp_path, images, [annotation(), annotation(2, 2)]))
    assert names_of(scenes["a"]) == ["cat"]
    assert ["another size" in item.reason for item in refused] == [True, False]


def test_file_in_two_archives_of_entityseg_is_ambiguous(benches, tmp_path):
    bench = benches["entityseg"]
    root = bench.copy(tmp_path)
    second = root / "images" / "entity_02_11598"
    second.mkdir()
    (second / "000000000001.jpg").write_bytes(b"another")
    (second / "._000000000002.jpg").write_bytes(b"left by macOS")
    scenes, refused = bench.scan(root)
    bench.others(scenes, "000000000001")
    assert "000000000001" not in scenes
    assert "ambiguous: it is in images/entity_01_11580 and images/entity_02" in refused[0].reason

    def with_folder(document):
        document["images"][0]["file_name"] = "entity_01_11580\\000000000001.jpg"

    edit(root, "entityseg", with_folder)
    keys = [scene.key for scene in open_dataset("entityseg", root, "train")]
    assert "entity_01_11580-000000000001" in keys


@pytest.mark.parametrize("name", ["ade20k", "shapes", "coco_instances", "open_images"])
def test_side_files_are_no_images(benches, tmp_path, name):
    bench = benches[name]
    root = bench.copy(tmp_path)
    file = root / IMAGES[name]
    for side in (f"._{file.name}", f"._{file.stem}.json", f"._{file.stem}_seg.png", ".DS_Store"):
        file.with_name(side).write_bytes(b"\0\5\x16\7")
    scenes, refused = bench.scan(root)
    bench.others(scenes, "")
    assert not refused
