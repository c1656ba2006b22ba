"""What is wrong with an export is told with file and record, and costs nothing else."""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.exports.tools import COUNT, TOOLS, png
from unigs.datasets import open_dataset
from unigs.datasets.own import open_folder
from unigs.errors import DataError
from unigs.scene import Quarantined, Scene


def read(name, root, split="train"):
    found = list(open_dataset(name, root, split).scan())
    return (
        [one for one in found if isinstance(one, Scene)],
        [one for one in found if isinstance(one, Quarantined)],
    )


def edit(file, change):
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


@pytest.mark.parametrize("name", ["coco_export", "labelme"])
def test_a_folder_without_an_export_says_what_was_looked_for(tmp_path, name):
    with pytest.raises(DataError, match=rf"{tmp_path}: no .*split train \(looked for .*json"):
        open_dataset(name, tmp_path, "train")
    TOOLS["via" if name == "coco_export" else "labelme"][1](tmp_path)
    with pytest.raises(DataError, match="split test"):
        open_dataset(name, tmp_path, "test")


VIA_SHAPE = {"name": "polygon", "all_points_x": [1, 9, 9], "all_points_y": [1, 1, 9]}
VIA_FILE = {
    "photo.jpg4711": {
        "filename": "photo.jpg", "size": 4711, "file_attributes": {},
        "regions": [{"shape_attributes": VIA_SHAPE, "region_attributes": {"animal": "cat"}}],
    },
}  # fmt: skip
PERCENT = {"points": [[10.5, 20.0], [50.0, 20.0], [50.0, 90.0]], "polygonlabels": ["cat"]}
LABEL_STUDIO = [
    {
        "id": 1, "data": {"image": "/data/upload/1/0a12bc34-photo%201.jpg"},
        "annotations": [{"result": [{"type": "polygonlabels", "value": PERCENT}]}],
    },
]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (VIA_FILE, "VIA's own format: export the annotations as COCO"),
        ({"_via_settings": {}, "_via_img_metadata": VIA_FILE}, "VIA's own format"),
        (LABEL_STUDIO, "Label Studio's own format: export COCO with images"),
    ],
)
def test_what_a_tool_saves_beside_its_coco_export_is_named(tmp_path, document, said):
    (tmp_path / "project.json").write_text(json.dumps(document))
    for opened in (partial(open_dataset, "coco_export"), open_folder):
        with pytest.raises(DataError, match=rf"project\.json is {said}"):
            opened(tmp_path, "train")


def test_boxes_among_masks_are_quarantined_one_by_one(tmp_path):
    TOOLS["cvat"][1](tmp_path)
    file = tmp_path / "annotations" / "instances_Train.json"
    edit(file, lambda document: document["annotations"][1].update(segmentation=[]))
    scenes, refused = read("coco_export", tmp_path)
    assert len(scenes) == COUNT - 1
    assert [(one.file, one.record, one.reason) for one in refused] == [
        ("annotations/instances_Train.json", "annotation 2 of image 1",
         "segmentation holds no polygon")
    ]  # fmt: skip
    assert [one.class_name for one in scenes[0].entities] == ["cat"]


def test_an_export_of_boxes_alone_is_an_error(tmp_path):
    TOOLS["roboflow"][1](tmp_path)
    file = tmp_path / "train" / "_annotations.coco.json"
    edit(file, lambda d: [one.update(segmentation=[]) for one in d["annotations"]])
    with pytest.raises(DataError, match=r"_annotations\.coco\.json: holds boxes only, 10 of them"):
        read("coco_export", tmp_path)


def test_an_annotation_without_a_class_or_with_a_point_is_quarantined(tmp_path):
    TOOLS["via"][1](tmp_path)

    def change(document):
        for one in document["annotations"]:
            if one["category_id"] == 2:
                del one["category_id"]
        document["annotations"][0].update(segmentation=[[]], keypoints=[3, 3, 2], bbox=[], area=[])

    edit(tmp_path / "via_export_coco.json", change)
    refused = [*read("coco_export", tmp_path)[1], *read("coco_export", tmp_path, "val")[1]]
    reasons = [one.reason for one in refused]
    assert reasons.count("field 'category_id' is missing") == COUNT
    assert reasons.count("polygon of 0 points, at least 3 are needed") == 1
    assert {one.file for one in refused} == {"via_export_coco.json"}


def test_two_paths_elsewhere_that_end_alike_are_not_one_image(tmp_path):
    TOOLS["label_studio"][1](tmp_path)

    def change(document):
        document["images"][0]["file_name"] = "/upload/4/a.jpg"
        document["images"][1]["file_name"] = "/upload/5/a.jpg"

    edit(tmp_path / "result.json", change)
    shutil.copy(tmp_path / "images" / "04ab12cd-photo 4.jpg", tmp_path / "images" / "a.jpg")
    found = [*read("coco_export", tmp_path)[1], *read("coco_export", tmp_path, "val")[1]]
    reasons = {one.record: one.reason for one in found}
    assert reasons["image 1"] == (
        "file names '/upload/4/a.jpg' and '/upload/5/a.jpg' both mean the picture a.jpg"
    )


@pytest.mark.parametrize("turned", [False, True])
def test_a_picture_that_is_there_by_its_name_has_no_second_one(tmp_path, turned):
    """Whichever of the two names comes first, their entities do not end in one scene."""
    TOOLS["label_studio"][1](tmp_path)

    def change(document):
        document["images"][0]["file_name"] = "a.jpg"
        document["images"][1]["file_name"] = "other/a.jpg"
        if turned:
            document["images"].reverse()

    edit(tmp_path / "result.json", change)
    shutil.copy(tmp_path / "images" / "04ab12cd-photo 4.jpg", tmp_path / "images" / "a.jpg")
    found = [*read("coco_export", tmp_path)[1], *read("coco_export", tmp_path, "val")[1]]
    assert any("both mean the picture a.jpg" in one.reason for one in found)


def test_no_file_above_a_root_that_is_relative_is_opened(tmp_path, monkeypatch):
    root = tmp_path / "set"
    TOOLS["labelme"][1](root)
    shutil.copy(next((root / "photos").iterdir()), tmp_path / "secret.png")
    for file in (root / "json").iterdir():
        edit(file, lambda document: document.update(imagePath="../../secret.png"))
    monkeypatch.chdir(root)
    assert not read("labelme", Path("."))[0]


def test_no_file_outside_of_the_export_is_opened(tmp_path):
    root = tmp_path / "export"
    TOOLS["label_studio"][1](root)
    shutil.copy(root / "images" / "04ab12cd-photo 4.jpg", tmp_path / "secret.jpg")
    edit(root / "result.json", lambda d: d["images"][4].update(file_name="../secret.jpg"))
    refused = [*read("coco_export", root)[1], *read("coco_export", root, "val")[1]]
    assert ("image 4", "file name '../secret.jpg' is not a plain relative path") in {
        (one.record, one.reason) for one in refused
    }
    TOOLS["labelme"][1](tmp_path / "two")
    outside = str(tmp_path / "secret.jpg")
    for file in (tmp_path / "two" / "json").iterdir():
        edit(file, lambda document: document.update(imagePath=outside, imageData=None))
    scenes, refused = read("labelme", tmp_path / "two")
    assert not scenes
    assert all(one.file == "json/secret.jpg" for one in refused)


def test_a_split_without_an_image_says_what_to_do(tmp_path):
    TOOLS["via"][1](tmp_path)
    edit(tmp_path / "via_export_coco.json", lambda document: document.update(
        images=document["images"][:1], annotations=document["annotations"][:2]
    ))  # fmt: skip
    assert len(read("coco_export", tmp_path, "val")[0]) == 1
    with pytest.raises(DataError, match=r"via_export_coco.json: holds no .*train \(annotate a sec"):
        read("coco_export", tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"shape_type": "linestrip"}, "a shape of type 'linestrip' covers no area"),
        ({"points": [[1, 1]]}, "polygon of 1 points, at least 3 are needed"),
        ({"shape_type": "circle", "points": [[1, 1]]}, "not two pairs of finite numbers"),
        ({"shape_type": "mask", "points": [[0, 0], [1, 1]], "mask": "?"}, "its mask is not base64"),
        (
            {"shape_type": "mask", "points": [[60, 40], [70, 50]],
             "mask": png(np.ones((11, 11), bool))},
            "its mask of 11x11 does not fit the 48x64 image at row 40, column 60",
        ),
        ({"label": ["cat"]}, "should be a text"),
    ],
)  # fmt: skip
def test_a_broken_shape_is_quarantined_alone(tmp_path, change, reason):
    TOOLS["labelme"][1](tmp_path)
    for file in (tmp_path / "json").iterdir():
        edit(file, lambda document: document["shapes"].append({
            "label": "cat", "points": [[1, 1], [2, 2], [3, 1]], **change
        }))  # fmt: skip
    scenes, refused = read("labelme", tmp_path)
    assert len(refused) == len(scenes) > 0
    assert all(reason in one.reason for one in refused), refused[0]
    assert refused[0].record.startswith("shapes[4] of ")
    assert all(len(scene.entities) == 2 for scene in scenes)


def test_broken_files_of_labelme_are_quarantined_with_the_reason(tmp_path):
    TOOLS["labelme"][1](tmp_path)
    (tmp_path / "json").rename(tmp_path / "train")
    folder = tmp_path / "train"
    (folder / "0.json").write_text('{"version": "5.5.0", "shapes": [')
    edit(folder / "1.json", lambda document: document.update(imageHeight=7))
    edit(folder / "2.json", lambda document: document.update(imageData="aGVsbG8="))
    (tmp_path / "photos" / "2.jpg").unlink()
    edit(folder / "3.json", lambda document: document.update(shapes=[]))
    (folder / "6.json").write_text('{"shapes": null, "imagePath": "x.jpg"}')
    scenes, refused = read("labelme", tmp_path)
    assert [scene.key for scene in scenes] == ["4", "5"]
    told = {one.record: (one.file, one.reason) for one in refused}
    assert told["image 0"][1].startswith("is not the JSON expected: ")
    assert told["image 1"] == ("photos/1.jpg", "image is 48x64, the annotation says 7x64")
    assert told["image 2"][0] == "train/2.json"
    assert "stored inside the JSON alone" in told["image 2"][1]
    assert told["image 3"] == ("train/3.json", "has no shape with an area")
    assert told["image 6"][0] == "train/x.jpg"


def test_circles_are_round(tmp_path):
    TOOLS["labelme"][1](tmp_path)
    for file in (tmp_path / "json").iterdir():
        edit(file, lambda document: document.update(shapes=[
            {"label": "sun", "points": [[30, 24], [40, 24]], "shape_type": "circle"}
        ]))  # fmt: skip
    scenes, refused = read("labelme", tmp_path)
    assert not refused
    assert scenes[0].entities[0].area == pytest.approx(np.pi * 100, rel=0.03)
