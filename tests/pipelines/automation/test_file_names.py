"""What file names tell the sensor: nothing that is not sure."""

import pytest

from pipelines.automation.file_names import annotation_names, is_copy, splits_of

BOTH = ("train", "val")


@pytest.mark.parametrize(
    ("name", "splits"),
    [
        ("annotations/instances_val2017.json", ("val",)),
        ("annotations/panoptic_train2017/1.png", ("train",)),
        ("train-annotations-object-segmentation.csv", ("train",)),
        ("validation-annotations-object-segmentation.csv", ("val",)),
        ("images/ADE/training/x.png", ("train",)),
        ("valid/_annotations.coco.json", ("val",)),
        ("val2017/train_station.jpg", ("val",)),
        ("masks-train.zip", ("train",)),
        ("class-descriptions.csv", BOTH),
        # a file an image: called as the picture is
        ("oval_rug.jpg", BOTH),
        ("valley.jpg", BOTH),
        ("interval.json", BOTH),
        ("trainer.json", BOTH),
        ("train_station.json", BOTH),
        ("train_station.jpg", BOTH),
        ("photos/val-d-isere.json", BOTH),
    ],
)
def test_a_name_tells_the_split_where_it_is_sure(name: str, splits: tuple[str, ...]) -> None:
    names = {
        name,
        "annotations/instances_train2017.json",
        "train-annotations-object-segmentation.csv",
        "validation-annotations-object-segmentation.csv",
    }
    assert splits_of(name, names) == splits


COPIES = {
    "a.json": ("a (1).json", "a copy.json", "a copy 2.json", "a - Copy (2).json",
               "Copy of a.json", "a.bak.json", "a_backup.json", "backup/a.json"),
    "annotations/a.json": ("annotations/a.json.bak", "annotations/#a.json#",
                           "annotations/old/a.json"),
}  # fmt: skip


@pytest.mark.parametrize(("original", "copies"), COPIES.items())
def test_a_copy_is_one_only_beside_its_original(original: str, copies: tuple[str, ...]) -> None:
    for name in copies:
        assert is_copy(name, {original, name})
        assert not is_copy(name, {name})
    assert not is_copy(original, {original, *copies})


@pytest.mark.parametrize("name", ["body_part.json", "annotations/bed_old.json", "scan (1).png"])
def test_an_annotation_that_is_called_as_copies_are_counts(name: str) -> None:
    assert not is_copy(name, {name, "body.jpg", "annotations/chair.json", "scan.jpg"})
    assert name in annotation_names({name})


def test_photographs_may_be_called_so() -> None:
    assert not is_copy("train2017/a (1).jpg", {"train2017/a (1).jpg", "train2017/a.jpg"})
