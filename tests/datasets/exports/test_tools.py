"""An export of each tool becomes the scenes that were drawn, quirks and all."""

import json

import numpy as np
import pytest

from tests.datasets.exports.tools import COUNT, TOOLS
from tests.datasets.small_set import photograph
from unigs.datasets import open_dataset
from unigs.datasets.exports.coco_export import ELSEWHERE, NO_CROWD
from unigs.datasets.own import open_folder
from unigs.datasets.photo import SIZE_UNKNOWN
from unigs.scene import Scene


@pytest.mark.parametrize("tool", TOOLS)
def test_every_photograph_has_its_cat_and_its_dog(tmp_path, tool):
    name, write = TOOLS[tool]
    write(tmp_path)
    keys = {}
    for split in ("train", "val"):
        dataset = open_dataset(name, tmp_path, split, "pets")
        found = list(dataset.scan())
        assert all(isinstance(one, Scene) for one in found), found
        assert dataset.class_names == ("cat", "dog")
        for scene in found:
            assert [(one.class_name, one.area) for one in scene.entities] == [
                ("cat", 400),
                ("dog", 100),
            ]
            assert not scene.crowd
            assert (scene.dataset, scene.split) == ("pets", split)
            assert scene.segments[15, 15] == 1
            assert scene.segments[6, 45] == scene.segments[13, 45] == 2
            assert np.count_nonzero(scene.segments) == 500
        keys[split] = {scene.key for scene in found}
    assert len(keys["train"] | keys["val"]) == len(keys["train"]) + len(keys["val"]) == COUNT
    assert keys["val"]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_folder_of_ones_own_is_recognised(tmp_path, tool):
    name, write = TOOLS[tool]
    write(tmp_path)
    found = open_folder(tmp_path, "train")
    assert type(found) is type(open_dataset(name, tmp_path, "train"))
    assert next(iter(found)).dataset == "own"


def test_what_was_assumed_is_noted(tmp_path):
    _, write = TOOLS["label_studio"]
    write(tmp_path)
    dataset = open_dataset("coco_export", tmp_path, "train")
    scenes = [*dataset, *open_dataset("coco_export", tmp_path, "val")]
    # a climbing path, a path of a server, and a name without its hexadecimal digits
    assert dataset.notes == {ELSEWHERE: 3}
    assert sum(SIZE_UNKNOWN in scene.notes for scene in scenes) == 1


def test_run_lengths_of_cvat_are_no_crowd_and_crowds_of_others_are(tmp_path):
    _, write = TOOLS["cvat"]
    write(tmp_path)
    scenes = list(open_dataset("coco_export", tmp_path, "train"))
    assert all(NO_CROWD in scene.notes for scene in scenes)
    file = tmp_path / "annotations" / "instances_Train.json"
    document = json.loads(file.read_text())
    for annotation in document["annotations"]:
        annotation["attributes"] = {}
    file.write_text(json.dumps(document))
    scene = next(iter(open_dataset("coco_export", tmp_path, "train")))
    assert [one.class_name for one in scene.crowd] == ["cat"]
    assert not scene.notes


def test_licences_are_named_or_none(tmp_path):
    for tool, licence in {"roboflow": "CC BY 4.0", "labelme_coco": None, "cvat": None}.items():
        _, write = TOOLS[tool]
        write(tmp_path / tool)
        assert next(iter(open_dataset("coco_export", tmp_path / tool, "train"))).licence == licence


def test_a_heading_that_an_annotation_names_is_a_class(tmp_path):
    TOOLS["roboflow"][1](tmp_path)
    file = tmp_path / "train" / "_annotations.coco.json"
    document = json.loads(file.read_text())
    document["annotations"][0]["category_id"] = 0
    file.write_text(json.dumps(document))
    dataset = open_dataset("coco_export", tmp_path, "train")
    assert dataset.class_names == ("pets", "cat", "dog")
    assert next(iter(dataset)).entities[0].class_name == "pets"


def test_an_image_stays_in_its_split_when_others_come(tmp_path):
    TOOLS["via"][1](tmp_path)
    before = {scene.key for scene in open_dataset("coco_export", tmp_path, "train")}
    file = tmp_path / "via_export_coco.json"
    document = json.loads(file.read_text())
    first = document["images"][0]
    for number in range(50, 70):
        name = f"new{number}.jpg"
        photograph().save(tmp_path / name)
        document["images"].append({**first, "id": number, "file_name": name})
        document["annotations"].append({**document["annotations"][0], "image_id": number})
    file.write_text(json.dumps(document))
    train, val = (
        {scene.key for scene in open_dataset("coco_export", tmp_path, split)}
        for split in ("train", "val")
    )
    assert before < train
    assert 1 < len(val) < 10 < len(train)
    assert not train & val
