"""Instance annotations that are broken: each is refused alone."""

import math

import numpy as np
import pytest

from tests.datasets.faults import at, drop, edit
from tests.datasets.layouts import SIZE

MASK = ("annotations", 0, "segmentation")
RLE = {"size": [SIZE, SIZE], "counts": [0, SIZE * SIZE]}
INSTANCES = {
    "polygon of two points": (at(*MASK, [[1, 1, 5, 5]]), "polygon of 2 points"),
    "polygon of odd length": (at(*MASK, [[1, 1, 5, 5, 5, 1, 2]]), "x, y, x, y"),
    "polygon with nan": (at(*MASK, [[1, 1, 5, math.nan, 5, 1]]), "no finite number"),
    "polygon with infinity": (at(*MASK, [[1, 1, 5, math.inf, 5, 1]]), "no finite number"),
    "polygon with text": (at(*MASK, [[1, 1, 5, "5", 5, 1]]), "no finite number"),
    "polygon with a huge number": (at(*MASK, [[1, 1, 5, 10**400, 5, 1]]), "no finite number"),
    "polygon far outside": (at(*MASK, [[1, 1, 5, 1e8, 5, 1]]), "far outside"),
    "polygon without extent": (at(*MASK, [[1, 1, 1, 1, 1, 1]]), "empty"),
    "polygon a number": (at(*MASK, [3]), "x, y, x, y"),
    "no polygon": (at(*MASK, []), "holds no polygon"),
    "segmentation a text": (at(*MASK, "abc"), "not polygons or counts"),
    "segmentation missing": (drop(*MASK), "is missing"),
    "rle of another size": (at(*MASK, {**RLE, "size": [SIZE, SIZE + 1]}), "RLE of size"),
    "rle too short": (at(*MASK, {**RLE, "counts": [3, 4]}), "RLE covers 7"),
    "rle too long": (at(*MASK, {**RLE, "counts": [0, 10**9]}), "RLE covers"),
    "rle negative": (at(*MASK, {**RLE, "counts": [0, 2000, -976]}), "not run lengths"),
    "rle with fractions": (at(*MASK, {**RLE, "counts": [0.0, 1024.0]}), "not run lengths"),
    "rle of nothing": (at(*MASK, {**RLE, "counts": [SIZE * SIZE]}), "empty"),
    "rle string broken": (at(*MASK, {**RLE, "counts": "0P\u00e4"}), "no run length"),
    "rle string cut off": (at(*MASK, {**RLE, "counts": "0PPPP"}), "ends inside"),
    "rle string endless": (at(*MASK, {**RLE, "counts": "o" * 5000}), "no run length"),
    "counts missing": (at(*MASK, {"size": [SIZE, SIZE]}), "not run lengths"),
    "unknown category": (at("annotations", 0, "category_id", 999), "unknown category id 999"),
    "category missing": (drop("annotations", 0, "category_id"), "is missing"),
    "nan box": (at("annotations", 0, "bbox", [math.nan] * 4), "not four finite numbers"),
    "crowd or not": (at("annotations", 0, "iscrowd", "maybe"), "should be 0 or 1, is maybe"),
    "huge box": (at("annotations", 0, "bbox", [0, 0, 10**400, 1]), "not four finite numbers"),
    "segmentation null": (at(*MASK, None), "segmentation is null"),
    "image not listed": (at("annotations", 0, "image_id", 12345), "not listed"),
    "image missing": (drop("annotations", 0, "image_id"), "is missing"),
    "annotation null": (at("annotations", 0, None), "expected an object"),
}


@pytest.mark.parametrize("name", ["coco_instances", "entityseg"])
@pytest.mark.parametrize("fault", INSTANCES)
def test_instance_is_refused_alone(benches, tmp_path, name, fault):
    change, reason = INSTANCES[fault]
    bench = benches[name]
    root = bench.copy(tmp_path)
    edit(root, name, change)
    scenes, refused = bench.scan(root)
    assert len(refused) == 1
    assert reason in refused[0].reason
    bench.others(scenes, "000000000001")
    first = bench.scenes["000000000001"]
    assert len(scenes["000000000001"].entities) == len(first.entities) - 1


def test_instances_hidden_by_smaller_ones_are_told(benches, tmp_path):
    bench = benches["coco_instances"]
    root = bench.copy(tmp_path)

    def cover(document):
        first, *rest = document["annotations"]
        small = {**first, "segmentation": [[2, 2, 9, 2, 9, 9, 2, 9]]}
        whole = {**first, "segmentation": {"size": [SIZE, SIZE], "counts": [0, SIZE * SIZE]}}
        document["annotations"] = [
            {**whole, "id": 9001, "iscrowd": 1},
            small,
            {**whole, "id": 9002},
            *(annotation for annotation in rest if annotation["image_id"] != 1),
        ]

    edit(root, "coco_instances", cover)
    scenes, refused = bench.scan(root)
    scene = scenes["000000000001"]
    assert [entity.source_id for entity in scene.entities] == ["1", "9002"]
    assert set(np.unique(scene.segments[2:8, 2:8])) == {1}
    assert (scene.segments > 0).all()
    assert not scene.crowd
    assert [(item.record, item.reason) for item in refused] == [
        ("annotation 9001 of image 1", "hidden by smaller ones")
    ]


def test_image_without_instances_is_told(benches, tmp_path):
    bench = benches["coco_instances"]
    root = bench.copy(tmp_path)

    def clear(document):
        document["annotations"] = [a for a in document["annotations"] if a["image_id"] != 2]

    edit(root, "coco_instances", clear)
    scenes, refused = bench.scan(root)
    bench.others(scenes, "000000000002")
    assert [(item.record, item.reason) for item in refused] == [("image 2", "has no annotation")]
