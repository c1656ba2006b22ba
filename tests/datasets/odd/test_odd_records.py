"""Records as tools and people write them: nothing is lost over what nobody needs."""

import codecs

import numpy as np
import pytest

from tests.datasets.faults import edit
from tests.datasets.small_set import SMALL, SQUARE, annotation, image, names_of, read, write_set
from unigs.datasets import open_dataset
from unigs.errors import DataError
from unigs.scene import Scene


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


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-32-be"])
def test_the_encodings_of_json_are_read(tmp_path, encoding):
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
