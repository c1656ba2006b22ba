"""Data sets as tools and people write them: nothing is lost over what nobody needs."""

import codecs
import math
import os
import unicodedata

import numpy as np
import pytest
from PIL import Image

from tests.datasets.faults import edit
from tests.datasets.layouts import IMAGES
from tests.datasets.small_set import (
    HEIGHT,
    SMALL,
    SQUARE,
    WIDTH,
    annotation,
    image,
    photograph,
    read,
    write_set,
)
from unigs.datasets import open_dataset
from unigs.errors import DataError
from unigs.index.scenes_index import build_index
from unigs.scene import Scene


def names_of(scene):
    return [entity.class_name for entity in scene.entities]


@pytest.mark.parametrize("own", [0, "0", None, "x", 1.5, [1], 10**30, "\ud800"])
def test_ids_of_annotations_do_not_matter(tmp_path, own):
    second = annotation(own, segmentation=[SMALL], category_id=2)
    images = [image(), image(2, "b.jpg")]
    write_set(tmp_path, images, [annotation(own), second, annotation(own, 2)],
              files={"a.jpg": {}, "b.jpg": {}})  # fmt: skip
    scenes, refused, dataset = read(tmp_path)
    assert not refused
    assert names_of(scenes["a"]) == ["cat", "dog"]
    assert names_of(scenes["b"]) == ["cat"]
    assert len({entity.source_id for entity in scenes["a"].entities}) == 2
    assert scenes["b"].entities[0].source_id.encode()
    repeated = own is not None and own != [1]
    assert list(dataset.notes.values()) == ([2] if repeated else [])


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("0000001_02999_d_0000005", "0000001_02999_d_0000005"),
        ("1", 1), (1, "1"), (1.0, 1), (1, 1.0), (1.5, 1.5), (-3, -3), (2**70, 2**70),
        ("\u732b", "\u732b"), ("", ""), (0, 0),
    ],
)  # fmt: skip
def test_image_ids_are_any_number_or_text(tmp_path, listed, said):
    write_set(tmp_path, [image(listed)], [annotation(image_id=said)])
    scenes, refused, _ = read(tmp_path)
    assert not refused
    assert names_of(scenes["a"]) == ["cat"]


def test_number_and_text_are_two_images_where_both_are_listed(tmp_path):
    write_set(
        tmp_path,
        [image(1), image("1", "b.jpg")],
        [annotation(1, "1"), annotation(2, 1, category_id=2)],
        files={"a.jpg": {}, "b.jpg": {}},
    )
    scenes, refused, _ = read(tmp_path)
    assert not refused
    assert (names_of(scenes["a"]), names_of(scenes["b"])) == (["dog"], ["cat"])


@pytest.mark.parametrize(
    ("listed", "said"),
    [(1, "1"), ("1", 1), (1, 1.0), ("tail", "tail"), (-1, -1), ("9" * 5000, "9" * 5000)],
)
def test_category_ids_are_any_number_or_text(tmp_path, listed, said):
    classes = [{"id": listed, "name": "cat"}, {"id": 7, "name": "dog"}]
    both = [annotation(category_id=said), annotation(2, category_id=7, segmentation=[SMALL])]
    scenes, refused, dataset = read(write_set(tmp_path, None, both, classes))
    assert not refused
    assert names_of(scenes["a"]) == ["cat", "dog"]
    assert len(dataset.categories) == 2
    assert list(dataset.notes.values()) == ([1] if listed in ("tail", "9" * 5000) else [])


def test_a_file_name_that_is_not_utf8_refuses_its_image_alone(tmp_path):
    images = [image(1, "caf%E9.jpg"), image(2, "b.jpg")]
    root = write_set(tmp_path, images, [annotation(), annotation(2, 2)],
                     files={os.fsdecode(b"caf\xe9.jpg"): {}, "b.jpg": {}})  # fmt: skip
    scenes, refused, dataset = read(root)
    assert list(scenes) == ["b"]
    assert [(item.file, item.record) for item in refused] == [("val2017/caf\\udce9.jpg", "image 1")]
    assert "not UTF-8" in refused[0].reason
    assert build_index(dataset, tmp_path / "index.parquet").images == 1


@pytest.mark.parametrize("name", ["shapes", "entityseg"])
def test_ids_as_text_and_fractions_in_the_other_layouts(benches, tmp_path, name):
    bench = benches[name]
    root = bench.copy(tmp_path)

    def change(document):
        for item in document["images"]:
            item.update(id=str(item["id"]), width=float(item["width"]), height=None)
        for item in document["annotations"]:
            item["image_id"] = float(item["image_id"])
            for segment in item.get("segments_info", [item]):
                segment["category_id"] = str(segment["category_id"])
                segment["iscrowd"] = str(segment.get("iscrowd", 0))
                segment["id"] = float(segment["id"])
        for item in document["categories"]:
            item["isthing"] = str(int(item.get("isthing", 1)))

    edit(root, name, change)
    records = list(open_dataset(name, root, "train").scan())
    scenes = {record.key: record for record in records if isinstance(record, Scene)}
    assert len(scenes) == len(records)
    for key, scene in bench.scenes.items():
        again = scenes[key]
        assert np.array_equal(again.segments, scene.segments)
        kinds = [(e.class_name, e.is_thing) for e in again.entities]
        assert kinds == [(e.class_name, e.is_thing) for e in scene.entities]
        assert len(again.crowd) == len(scene.crowd)
        assert [note for note in again.notes if "size taken" in note]


@pytest.mark.parametrize("size", [(-1, -1), (0, 0), (None, None), ("", "?"), (WIDTH, None),
                                  (math.nan, -1), ("64px", {})])  # fmt: skip
def test_size_that_is_not_known_is_taken_from_the_file(tmp_path, size):
    width, height = size
    scenes, refused, _ = read(write_set(tmp_path, [image(width=width, height=height)]))
    assert not refused
    assert scenes["a"].segments.shape == (HEIGHT, WIDTH)
    assert ["size taken" in note for note in scenes["a"].notes] == [True]


def test_size_that_is_left_out_or_text(tmp_path):
    record = image(width=str(WIDTH), height=float(HEIGHT))
    scenes, refused, _ = read(write_set(tmp_path, [record]))
    assert not refused
    assert scenes["a"].notes == ()
    del record["width"], record["height"]
    scenes, refused, _ = read(write_set(tmp_path, [record]))
    assert len(scenes["a"].notes) == 1
    assert not refused


def exif(orientation):
    record = Image.Exif()
    record[0x0112] = orientation
    return {"exif": record, "quality": 95}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_photograph_is_turned_to_the_size_annotated(tmp_path, orientation, kind):
    upright = (WIDTH, HEIGHT) if orientation > 4 else (HEIGHT, WIDTH)
    record = image(height=upright[0], width=upright[1])
    write_set(tmp_path, [record], files={"a.jpg": {"format": kind, **exif(orientation)}})
    scenes, refused, _ = read(tmp_path)
    assert not refused
    (scene,) = scenes.values()
    assert scene.segments.shape == upright
    assert scene.turned == (orientation != 1)
    assert len(scene.notes) == (orientation != 1)
    with Image.open(tmp_path / "val2017" / "a.jpg") as file:
        stored = np.asarray(file.convert("RGB")).astype(int)
    turn = {
        1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1],
        5: stored.transpose(1, 0, 2), 6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(stored),
    }[orientation]  # fmt: skip
    assert np.array_equal(scene.image(), turn)


def test_photograph_stays_as_stored_where_that_is_annotated(tmp_path):
    write_set(tmp_path, files={"a.jpg": exif(6)})
    scenes, _, _ = read(tmp_path)
    assert not scenes["a"].turned
    assert "as stored" in scenes["a"].notes[0]
    assert np.abs(scenes["a"].image().astype(int) - np.asarray(photograph())).mean() < 3


def test_turned_photograph_is_another_scene(tmp_path):
    counts = {"size": [HEIGHT, WIDTH], "counts": [0, HEIGHT * WIDTH]}
    for way in ("stored", "turned"):
        sizes = {"height": -1, "width": -1}
        if way == "turned":
            counts = {**counts, "size": [WIDTH, HEIGHT]}
        write_set(tmp_path / way, [image(**sizes)], [annotation(segmentation=counts)],
                  files={"a.jpg": exif(6)})  # fmt: skip
    stored, turned = (read(tmp_path / way)[0]["a"] for way in ("stored", "turned"))
    assert (stored.turned, turned.turned) == (False, True)
    assert stored.digest != turned.digest


@pytest.mark.parametrize("name", ["ade20k", "open_images", "shapes"])
def test_label_maps_and_masks_tell_the_way_up(benches, tmp_path, name):
    bench = benches[name]
    root = bench.copy(tmp_path)
    file = root / IMAGES[name]
    upright = Image.open(file).convert("RGB")
    quarter = upright.transpose(Image.Transpose.ROTATE_90)
    record = Image.Exif()
    record[0x0112] = 6
    quarter.save(file, "PNG", exif=record)
    scenes, refused = bench.scan(root)
    assert not refused
    (scene,) = (s for s in scenes.values() if s.image_file.name == file.name)
    assert scene.turned
    assert np.array_equal(scene.image(), np.asarray(upright))


FLAT = {
    "one flat list": SQUARE,
    "list of points": [[10, 10], [30, 10], [30, 30], [10, 30]],
    "list of lists of points": [[[10, 10], [30, 10], [30, 30], [10, 30]]],
    "tuples of floats": [[float(value) for value in SQUARE]],
}


@pytest.mark.parametrize("form", FLAT)
def test_polygon_is_read_in_every_form(tmp_path, form):
    scenes, refused, _ = read(write_set(tmp_path, None, [annotation(segmentation=FLAT[form])]))
    assert not refused
    assert scenes["a"].entities[0].area == 400


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_are_read(tmp_path, encoding):
    write_set(tmp_path, categories=[{"id": 1, "name": "\u732b"}], encoding=encoding)
    scenes, refused, _ = read(tmp_path)
    assert not refused
    assert names_of(scenes["a"]) == ["\u732b"]


def test_byte_order_mark_of_big_endian_and_broken_utf16(tmp_path):
    write_set(tmp_path)
    file = tmp_path / "annotations" / "instances_val2017.json"
    text = file.read_text()
    file.write_bytes(codecs.BOM_UTF16_BE + text.encode("utf-16-be"))
    assert list(read(tmp_path)[0]) == ["a"]
    file.write_bytes(codecs.BOM_UTF16_BE + text.encode("utf-16-be")[:-1])
    with pytest.raises(DataError, match=r"instances_val2017\.json: is not UTF-16"):
        read(tmp_path)


def test_formats_are_told_by_content(tmp_path):
    kinds = {"w.jpg": "WEBP", "v.webp": "WEBP", "bmp.jpg": "BMP", "t.tif": "TIFF", "p.JPEG": "PNG"}
    write_set(
        tmp_path,
        [image(number, name) for number, name in enumerate(kinds)],
        [annotation(number, number) for number in range(len(kinds))],
        files={name: {"format": kind} for name, kind in kinds.items()},
    )
    scenes, refused, _ = read(tmp_path)
    assert not refused
    assert sorted(scenes) == ["bmp", "p", "t", "v", "w"]
    assert all(scene.image().shape == (HEIGHT, WIDTH, 3) for scene in scenes.values())


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


def test_boxes_without_masks_end_with_the_way_to_make_them(tmp_path):
    for nothing in ({"segmentation": []}, {"segmentation": None}, {}):
        boxes = [{**annotation(), **nothing}, {**annotation(2), **nothing}]
        if not nothing:
            for box in boxes:
                del box["segmentation"]
        write_set(tmp_path, None, boxes)
        with pytest.raises(DataError, match=r"holds boxes only, 2 of them: masks are needed \("):
            read(tmp_path)


@pytest.mark.parametrize("value", [1, "1", True, "true", 1.0])
def test_crowd_in_every_form(tmp_path, value):
    both = [annotation(iscrowd=value), annotation(2, segmentation=[SMALL], iscrowd="0")]
    scenes, refused, _ = read(write_set(tmp_path, None, both))
    assert not refused
    assert (len(scenes["a"].entities), len(scenes["a"].crowd)) == (1, 1)


@pytest.mark.parametrize("value", [0, "0", False, "false"])
def test_stuff_in_every_form(tmp_path, value):
    scenes, _, _ = read(write_set(tmp_path, categories=[{"id": 1, "name": "a", "isthing": value}]))
    assert not scenes["a"].entities[0].is_thing


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
