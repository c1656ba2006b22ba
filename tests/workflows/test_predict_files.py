import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.tiny_pipeline import SIZE, pictures, tiny_pipeline
from unigs.errors import ConfigError, DataError
from unigs.workflows.predict_files import predict_files


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline(size=SIZE)


@pytest.fixture
def folder(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for name, pixels in zip(("a", "b"), pictures(2, 40, 48), strict=True):
        Image.fromarray(pixels).save(images / f"{name}.png")
    return images


def test_a_folder_is_answered_file_by_file(pipeline, folder, tmp_path):
    (folder / "broken.jpg").write_bytes(b"no picture")
    done = predict_files(pipeline, "entity", {"image": folder}, tmp_path / "out", seed=3)
    assert [answer["name"] for answer in done.answers] == ["a", "b"]
    assert [item["file"] for item in done.refused] == [str(folder / "broken.jpg")]
    for answer in done.answers:
        panoptic = json.loads(Path(answer["panoptic"]).read_text())
        (record,) = panoptic["annotations"]
        channels = np.asarray(Image.open(tmp_path / "out" / record["file_name"]), dtype=int)
        labels = channels @ [1, 256, 65536]
        assert labels.shape == (40, 48)
        assert {s["id"]: s["area"] for s in record["segments_info"]} == {
            entity["id"]: int((labels == entity["id"]).sum()) for entity in answer["entities"]
        }
        for kind in ("image", "colormap", "overlay"):
            assert Image.open(answer[kind]).size == (48, 40)
    alone = predict_files(pipeline, "entity", {"image": folder / "b.png"}, tmp_path / "one", seed=3)
    assert alone.answers[0]["entities"] == done.answers[1]["entities"]


def test_a_mask_file_serves_every_picture_and_names_the_class(pipeline, folder, tmp_path):
    mask = np.zeros((40, 48), np.uint8)
    mask[10:30, 10:30] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    done = predict_files(
        pipeline,
        "referring",
        {"image": folder, "coarse_mask": tmp_path / "mask.png"},
        tmp_path / "out",
        options={"names": ["dog"]},
    )
    assert len(done.answers) == 2
    for answer in done.answers:
        assert all(entity["class_name"] == "dog" for entity in answer["entities"])
        categories = json.loads(Path(answer["panoptic"]).read_text())["categories"]
        assert [c["name"] for c in categories] == ["entity", "dog"][: len(categories)]


def test_a_missing_mask_of_a_folder_is_told_and_the_rest_goes_on(pipeline, folder, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    Image.fromarray(np.full((40, 48), 255, np.uint8)).save(masks / "b.png")
    done = predict_files(
        pipeline,
        "inpainting",
        {"image": folder, "coarse_mask": masks},
        tmp_path / "out",
        options={"names": ["dog"], "paste_back": True},
    )
    assert [answer["name"] for answer in done.answers] == ["b"]
    assert "a.png" in done.refused[0]["reason"]


def test_one_refused_picture_is_an_error(pipeline, folder, tmp_path):
    with pytest.raises(ConfigError, match="coarse_mask: missing"):
        predict_files(
            pipeline,
            "referring",
            {"image": folder / "a.png"},
            tmp_path / "out",
            options={"names": ["dog"]},
        )
    with pytest.raises(DataError, match="no picture given"):
        predict_files(pipeline, "entity", {"image": None}, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures"):
        predict_files(pipeline, "entity", {"image": tmp_path / "empty"}, tmp_path / "out")
