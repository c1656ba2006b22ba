"""Data sets that cannot be read as a whole: one line that names the file."""

import json
import shutil

import pytest

from tests.datasets.layouts import ANNOTATIONS, WRITERS
from unigs.datasets import open_dataset
from unigs.errors import ConfigError, DataError

DOCUMENTS = {
    "empty file": lambda text: "",
    "cut off": lambda text: text[: len(text) // 2],
    "last bracket missing": lambda text: text[:-1],
    "a list": lambda text: f"[{text}]",
    "a number": lambda text: "42",
    "text behind": lambda text: text + "{}",
    "not json": lambda text: text.replace(":", "=", 3),
    "nested without end": lambda text: '{"images": ' + "[" * 200_000,
    "no images": lambda text: json.dumps({**json.loads(text), "images": []}),
    "images an object": lambda text: json.dumps({**json.loads(text), "images": {"a": 1}}),
    "no categories": lambda text: json.dumps({**json.loads(text), "categories": []}),
    "nothing in it": lambda text: "{}",
}


@pytest.mark.parametrize("name", ["shapes", "coco_instances", "entityseg"])
@pytest.mark.parametrize("fault", DOCUMENTS)
def test_file_that_is_unreadable_as_a_whole_is_named(benches, tmp_path, name, fault):
    root = benches[name].copy(tmp_path)
    file = root / ANNOTATIONS[name]
    file.write_text(DOCUMENTS[fault](file.read_text()))
    with pytest.raises(DataError, match=file.name.replace(".", r"\.")) as caught:
        list(open_dataset(name, root, "train").scan())
    assert "\n" not in str(caught.value)


def test_file_that_is_not_utf8_is_named(benches, tmp_path):
    root = benches["shapes"].copy(tmp_path)
    file = root / ANNOTATIONS["shapes"]
    file.write_bytes(file.read_bytes().replace(b"grass", b"gr\xffss"))
    with pytest.raises(DataError, match="not UTF-8"):
        list(open_dataset("shapes", root, "train").scan())


@pytest.mark.parametrize("name", WRITERS)
def test_missing_root_split_or_folder_is_named(benches, tmp_path, name):
    with pytest.raises(DataError, match="nowhere: no such folder"):
        open_dataset(name, tmp_path / "nowhere", "train")
    with pytest.raises(DataError, match="no such f"):
        open_dataset(name, tmp_path, "train")
    with pytest.raises(DataError, match="no such f"):
        open_dataset(name, benches[name].sound, "test")
    with pytest.raises(DataError, match="plain name"):
        open_dataset(name, benches[name].sound, "../train")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DataError, match="no such folder"):
        open_dataset(name, tmp_path / "loop", "train")


RENAMED = {"open_images": ("train", "validation"), "shapes": ("train", "val")}


@pytest.mark.parametrize("name", RENAMED)
def test_a_split_is_found_by_the_other_word_for_it(benches, tmp_path, name):
    root = benches[name].copy(tmp_path)
    here, there = RENAMED[name]
    for path in sorted(root.rglob("*"), key=lambda path: -len(path.parts)):
        if here in path.name:
            path.rename(path.with_name(path.name.replace(here, there)))
    words = {"val", "validation"}
    scenes = {
        word: [scene.image_digest for scene in open_dataset(name, root, word)] for word in words
    }
    assert len(scenes["val"]) > 2
    assert scenes["val"] == scenes["validation"]
    assert {open_dataset(name, root, word).split for word in words} == {there}
    with pytest.raises(DataError, match="train"):
        open_dataset(name, root, "train")


def test_a_split_of_the_very_name_comes_first(benches, tmp_path):
    root = benches["open_images"].copy(tmp_path)
    for split in ("val", "validation"):
        for part in ("", "-masks"):
            shutil.copytree(root / f"train{part}", root / f"{split}{part}")
        table = "annotations-object-segmentation.csv"
        shutil.copy(root / f"train-{table}", root / f"{split}-{table}")
    assert open_dataset("open_images", root, "val").split == "val"
    assert open_dataset("ade20k", benches["ade20k"].sound, "training").split == "training"


def test_unknown_data_set_names_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match="coco_panoptic"):
        open_dataset("coco", tmp_path, "train")


@pytest.mark.parametrize(
    "content",
    ["", "MaskPath,ImageID,BoxID\n", "MaskPath,ImageID,LabelName,BoxID\n", "\0\0"],
)
def test_csv_without_columns_or_rows_is_named(benches, tmp_path, content):
    root = benches["open_images"].copy(tmp_path)
    (root / ANNOTATIONS["open_images"]).write_text(content)
    with pytest.raises(DataError, match=r"train-annotations-object-segmentation\.csv"):
        list(open_dataset("open_images", root, "train").scan())


def test_class_file_without_classes_is_named(benches, tmp_path):
    root = benches["open_images"].copy(tmp_path)
    (root / "class-descriptions-boxable.csv").write_text("LabelName,DisplayName\n")
    with pytest.raises(DataError, match=r"class-descriptions-boxable\.csv"):
        list(open_dataset("open_images", root, "train").scan())


def test_ade20k_without_images_is_named(tmp_path):
    (tmp_path / "images" / "ADE" / "validation").mkdir(parents=True)
    with pytest.raises(DataError, match=r"validation.*empty"):
        list(open_dataset("ade20k", tmp_path, "val").scan())
