import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.data.made_scenes import files_of
from tests.support.models.tiny_pipeline import SIZE, pictures, tiny_pipeline
from unigs.errors import ConfigError, DataError, DeviceError
from unigs.io.files import writing
from unigs.workflows import predict_files as module
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


def test_a_folder_is_predicted_file_by_file(pipeline, folder, tmp_path):
    (folder / "broken.jpg").write_bytes(b"no picture")
    done = predict_files(pipeline, "entity", {"image": folder}, tmp_path / "out", seed=3)
    assert [prediction["name"] for prediction in done.predictions] == ["a", "b"]
    assert [item["file"] for item in done.skipped] == [str(folder / "broken.jpg")]
    for prediction in done.predictions:
        panoptic = json.loads(Path(prediction["panoptic"]).read_text())
        (record,) = panoptic["annotations"]
        channels = np.asarray(Image.open(tmp_path / "out" / record["file_name"]), dtype=int)
        labels = channels @ [1, 256, 65536]
        assert labels.shape == (40, 48)
        assert {s["id"]: s["area"] for s in record["segments_info"]} == {
            entity["id"]: int((labels == entity["id"]).sum()) for entity in prediction["entities"]
        }
        for kind in ("image", "colormap", "overlay"):
            assert Image.open(prediction[kind]).size == (48, 40)
    alone = predict_files(pipeline, "entity", {"image": folder / "b.png"}, tmp_path / "one", seed=3)
    assert alone.predictions[0]["entities"] == done.predictions[1]["entities"]


def test_a_device_that_fails_ends_a_folder_and_a_lack_of_memory_skips_a_picture(folder, tmp_path):
    asked = []

    def fails(**given):
        asked.append(given)
        raise RuntimeError("CUDA error: unspecified launch failure\nCompile with ...")

    with pytest.raises(DeviceError, match=r"^the accelerator failed: CUDA error: un[a-z ]+ \(run"):
        predict_files(fails, "entity", {"image": folder}, tmp_path / "out")
    assert len(asked) == 1

    def full(**given):
        raise MemoryError

    done = predict_files(full, "entity", {"image": folder}, tmp_path / "out")
    assert [one["reason"].partition(" (")[0] for one in done.skipped] == [
        "out of memory: MemoryError"
    ] * 2


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
    assert len(done.predictions) == 2
    for prediction in done.predictions:
        assert all(entity["class_name"] == "dog" for entity in prediction["entities"])
        categories = json.loads(Path(prediction["panoptic"]).read_text())["categories"]
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
    assert [prediction["name"] for prediction in done.predictions] == ["b"]
    assert "a.png" in done.skipped[0]["reason"]


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


def test_pictures_that_share_a_stem_or_look_like_predictions_are_all_predicted(pipeline, tmp_path):
    images = tmp_path / "in"
    images.mkdir()
    pixels = pictures(4)
    for name, picture in zip(("x.png", "x.image.png", "y.png", "y.bmp"), pixels, strict=True):
        Image.fromarray(picture).save(images / name)
    before = {path.name: path.read_bytes() for path in images.iterdir()}
    done = predict_files(pipeline, "entity", {"image": images}, tmp_path / "out")
    assert len(done.predictions) == 4
    assert not done.skipped
    assert len(list((tmp_path / "out").iterdir())) == 5 * 4
    assert {path.name: path.read_bytes() for path in images.iterdir()} == before


def test_a_photograph_is_not_written_over_by_its_own_prediction(pipeline, tmp_path):
    photo = tmp_path / "photo.png"
    Image.fromarray(pictures(1)[0]).save(photo)
    before = photo.read_bytes()
    predict_files(pipeline, "entity", {"image": photo}, tmp_path)
    assert photo.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {
        "photo.png",
        *(f"photo.{end}" for end in ("image.png", "colormap.png", "overlay.png")),
        *(f"photo.{end}" for end in ("panoptic.json", "panoptic.png")),
    }


def test_a_prediction_replaces_earlier_ones_and_nothing_else(pipeline, folder, tmp_path):
    def predict(seed=0):
        predict_files(pipeline, "entity", {"image": folder}, out, seed=seed)

    out = tmp_path / "out"
    predict()
    first = files_of(out)
    predict(seed=1)
    assert files_of(out).keys() == first.keys()
    predict()
    last = files_of(out)
    assert {n: d for n, d in last.items() if n.endswith("png")} == {
        n: d for n, d in first.items() if n.endswith("png")
    }
    for name in first:
        data = b"{}" if name.endswith("json") else (folder / "b.png").read_bytes()
        (out / name).write_bytes(data)
        before = files_of(out)
        with pytest.raises(ConfigError, match=f"{name} is there and was not written by a pred"):
            predict()
        assert files_of(out) == before
        (out / name).write_bytes(last[name])
    predict()


@pytest.mark.parametrize("end", ["image.png", "panoptic.json"])
def test_a_file_of_somebody_else_stays(pipeline, folder, tmp_path, end):
    out = tmp_path / "out"
    out.mkdir()
    for content in ("mine", '{"info": {"description": "UniGS prediction"}}', None):
        if content is None:
            (out / f"b.{end}").unlink()
            (out / f"b.{end}").symlink_to(tmp_path / "nowhere")
        else:
            (out / f"b.{end}").write_text(content)
        with pytest.raises(ConfigError, match=f"b.{end} is there"):
            predict_files(pipeline, "entity", {"image": folder}, out)
        assert [path.name for path in out.iterdir()] == [f"b.{end}"]


def test_a_prediction_killed_between_two_files_is_made_again(
    pipeline, folder, tmp_path, monkeypatch
):
    out, sources = tmp_path / "out", {"image": folder / "a.png"}
    predict_files(pipeline, "entity", sources, out)
    for kill in range(5):
        countdown = iter(range(kill, -1, -1))

        @contextmanager
        def deadly(path, countdown=countdown):
            if next(countdown) == 0:
                raise KeyboardInterrupt
            with writing(path) as partial:
                yield partial

        with monkeypatch.context() as patched:
            patched.setattr(module, "writing", deadly)
            with pytest.raises(KeyboardInterrupt):
                predict_files(pipeline, "entity", sources, out, seed=kill + 1)
    predict_files(pipeline, "entity", sources, out)


def test_a_refused_mask_of_a_folder_is_named(pipeline, folder, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    Image.fromarray(np.full((40, 48), 255, np.uint8)).save(masks / "a.png")
    Image.fromarray(np.zeros((40, 48), np.uint8)).save(masks / "b.png")
    done = predict_files(
        pipeline,
        "referring",
        {"image": folder, "coarse_mask": masks},
        tmp_path / "out",
        options={"names": ["dog"]},
    )
    assert [one["name"] for one in done.predictions] == ["a"]
    (skipped,) = done.skipped
    assert skipped["file"] == str(folder / "b.png")
    assert f"{masks / 'b.png'}: empty: every pixel is 0" in skipped["reason"]


@pytest.mark.parametrize(("merge", "seed"), [("none", 2**64), ("none", -1), ("seeds", 2**63 - 2)])
def test_a_seed_that_no_generator_takes_is_an_error(pipeline, folder, tmp_path, merge, seed):
    with pytest.raises(ConfigError, match="seed"):
        predict_files(
            pipeline, "entity", {"image": folder}, tmp_path / "out", seed=seed, merge=merge
        )
    assert not (tmp_path / "out").exists()
