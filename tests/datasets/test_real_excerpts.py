"""The readers on files that nobody on this project wrote."""

import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from unigs.datasets import open_dataset
from unigs.scene import Quarantined, Scene


def read(name, root, split="train"):
    records = list(open_dataset(name, root, split).scan())
    scenes = [record for record in records if isinstance(record, Scene)]
    return scenes, [record for record in records if isinstance(record, Quarantined)]


def test_coco_panoptic_agrees_with_its_own_areas(test_data):
    root = test_data / "coco"
    scenes, refused = read("coco_panoptic", root, "val")
    assert len(scenes) == 50
    assert not refused
    document = json.loads((root / "annotations" / "panoptic_val2017.json").read_text())
    said = {annotation["image_id"]: annotation for annotation in document["annotations"]}
    for scene in scenes:
        regions = {int(r.source_id): r for r in (*scene.entities, *scene.crowd)}
        infos = {info["id"]: info for info in said[int(scene.key)]["segments_info"]}
        assert set(regions) == set(infos)
        for number, region in regions.items():
            info = infos[number]
            left, top, width, height = info["bbox"]
            rows, columns = np.nonzero(scene.segments == region.id)
            assert (region.area, region.crowd) == (info["area"], info["iscrowd"] == 1)
            assert (columns.min(), rows.min()) == (left, top)
            assert (np.ptp(columns) + 1, np.ptp(rows) + 1) == (width, height)
        assert scene.licence


def test_coco_names_are_fit_for_prompts(test_data):
    names = open_dataset("coco_panoptic", test_data / "coco", "val").class_names
    assert {"pavement", "sky", "brick wall", "wooden floor", "traffic light"} <= set(names)
    assert len(names) == 133
    assert not [name for name in names if not name.replace(" ", "").isalpha()]


def test_coco_instances_are_what_pycocotools_draws(test_data):
    root = test_data / "coco_instances"
    scenes, refused = read("coco_instances", root)
    assert len(scenes) == 48
    assert not refused
    coco = COCO(str(root / "annotations" / "instances_train2017.json"))
    total = 0
    for scene in scenes:
        annotations = {a["id"]: a for a in coco.loadAnns(coco.getAnnIds([int(scene.key)]))}
        crowd = np.isin(scene.segments, [region.id for region in scene.crowd])
        for region in (*scene.entities, *scene.crowd):
            drawn = coco.annToMask(annotations[int(region.source_id)]).astype(bool)
            seen = scene.segments == region.id
            assert not (seen & ~drawn).any()
            # what it lost, smaller ones took; a crowd region also loses to every entity
            lost = np.unique(scene.segments[drawn & ~seen])
            assert 0 not in lost
            if not region.crowd:
                assert not (drawn & ~seen & crowd).any()
            total += 1
        assert len(annotations) == len(scene.entities) + len(scene.crowd)
    assert total == 369


def test_open_images_masks_reach_the_size_of_their_image(test_data):
    root = test_data / "open_images"
    scenes, refused = read("open_images", root)
    assert len(scenes) == 10
    assert Counter(e.class_name for s in scenes for e in s.entities).keys() == {
        "dog",
        "pizza",
        "taxi",
    }
    assert sum(len(scene.entities) for scene in scenes) == 15
    assert [item.reason for item in refused] == ["no mask of it is listed"] * 5
    for scene in scenes:
        assert scene.image().shape[:2] == scene.segments.shape
        if len(scene.entities) == 1:
            (entity,) = scene.entities
            with Image.open(root / "train-masks" / entity.source_id) as mask:
                share = np.asarray(mask).mean()
            assert entity.area / scene.segments.size == pytest.approx(share, rel=0.01)


def test_ade20k_agrees_with_its_instance_masks(test_data):
    root = test_data / "ade20k"
    scenes, refused = read("ade20k", root)
    assert len(scenes) == 2
    assert not refused
    for scene in scenes:
        stem = scene.image_file.with_suffix("")
        document = json.loads(stem.with_suffix(".json").read_text())["annotation"]
        whole = [o for o in document["object"] if o["parts"]["part_level"] == 0]
        assert len(scene.entities) == len(whole)
        names = {f"{o['name_ndx']}": o["name"].split(",")[0] for o in whole}
        seen = Counter()
        for item in whole:
            mask = np.asarray(Image.open(stem.parent / item["instance_mask"]))
            labels = np.unique(scene.segments[mask == 255])
            assert len(labels) == 1
            entity = scene.entities[labels[0] - 1]
            # 255 is visible; a few pixels that the mask calls hidden (128) carry the label too
            assert set(np.unique(mask[scene.segments == entity.id])) <= {128, 255}
            assert entity.class_name == names[str(item["name_ndx"])]
            seen[entity.id] += 1
        assert set(seen.values()) == {1}
        things = {entity.class_name: entity.is_thing for entity in scene.entities}
        assert things["car"]
        assert not things["building"]


@pytest.mark.parametrize("home", ["", "entityseg"])
@pytest.mark.parametrize("suffix", ["", "_lr"])
def test_entityseg_layouts(test_data, tmp_path, home, suffix):
    source = test_data / "coco_instances"
    root = tmp_path / home
    folder = root / f"images{suffix}" / "entity_02_11598" / "images"
    folder.mkdir(parents=True)
    annotations = root / "annotations" / "entity_segmentation"
    annotations.mkdir(parents=True)
    for file in (source / "train2017").iterdir():
        (folder / file.name).symlink_to(file)
    document = json.loads((source / "annotations" / "instances_train2017.json").read_text())
    # category id 0 is a class there
    document["categories"].append({"id": 0, "name": "unknown", "type": "thing"})
    for annotation in document["annotations"][:5]:
        annotation["category_id"] = 0
    (annotations / f"entityv2_010203_entity_train{suffix}.json").write_text(json.dumps(document))
    scenes, refused = read("entityseg", tmp_path, f"train{suffix}")
    assert len(scenes) == 48
    assert not refused
    unknown = [e for s in scenes for e in (*s.entities, *s.crowd) if e.class_id == 0]
    assert [entity.class_name for entity in unknown] == ["unknown"] * 5
