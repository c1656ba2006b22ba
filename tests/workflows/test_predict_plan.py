import os

import numpy as np
import pytest
from PIL import Image

from unigs.errors import ConfigError, DataError
from unigs.tasks import TASKS
from unigs.workflows.predict_plan import plan_predictions

ENTITY, REFERRING, SYNTHESIS = TASKS["entity"], TASKS["referring"], TASKS["synthesis"]


@pytest.fixture
def folder(tmp_path):
    """`folder("a", "x.png", ...)` makes a folder of pictures."""

    def make(name, *files):
        made = tmp_path / name
        made.mkdir(exist_ok=True)
        for file in files:
            Image.new("RGB", (4, 4)).save(made / file, "PNG")
        return made

    return make


def names(plan):
    return {request.picture.name: request.name for request in plan.requests}


def outputs(plan):
    return [path for request in plan.requests for path in request.outputs.values()]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["x.png", "x.image.png"], ["x", "x.image"]),
        (["a.jpg", "a.png"], ["a.jpg", "a.png"]),
        (["a.jpg", "a.png", "a.jpg.png"], ["a.jpg-1", "a.png", "a.jpg.png"]),
        (["A.png", "a.png"], ["A.png-1", "a.png-2"]),
        (["A.png", "A.png-1.png", "a.png"], ["A.png-2", "A.png-1", "a.png-3"]),
        (["x.png", "x.panoptic.png", "x.colormap.webp"], ["x", "x.panoptic", "x.colormap"]),
        (["犬.png", "猫.png"], ["犬", "猫"]),
        (["a b.png", "a-b.png"], ["a b", "a-b"]),
    ],
)
def test_no_two_predictions_share_a_file(folder, tmp_path, files, expected):
    plan = plan_predictions(ENTITY, {"image": folder("in", *files)}, tmp_path / "out")
    assert set(names(plan)) == set(files)
    paths = outputs(plan)
    assert len({path.name.casefold() for path in paths}) == len(paths) == 5 * len(files)
    if "-1" not in str(expected):
        assert names(plan) == dict(zip(files, expected, strict=True))


def test_a_long_name_fits_and_stays_its_own(folder, tmp_path):
    files = [f"{'é' * 120}{end}.png" for end in "ab"]
    plan = plan_predictions(ENTITY, {"image": folder("in", *files)}, tmp_path / "out")
    assert len(set(outputs(plan))) == 10
    assert max(len(os.fsencode(path.name)) for path in outputs(plan)) < 230


def test_a_place_that_cannot_be_is_told_before_anything_is_predicted(folder, tmp_path):
    sources = {"image": folder("in", "a.png")}
    file = sources["image"] / "a.png"
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for out in (file / "below" / "it", tmp_path / "link"):
        with pytest.raises(ConfigError, match=r"is a file|no folder"):
            plan_predictions(ENTITY, sources, out)
    with pytest.raises(ConfigError, match="name is too long"):
        plan_predictions(ENTITY, sources, tmp_path / ("x" * 300))
    with pytest.raises(DataError, match="no such file"):
        plan_predictions(ENTITY, {"image": tmp_path / ("x" * 300)}, tmp_path / "out")


def test_an_input_is_never_written_over(folder):
    home = folder("in", "photo.png")
    photo, mask = home / "photo.png", home / "photo.image.png"
    plan = plan_predictions(ENTITY, {"image": photo}, home)
    assert photo not in outputs(plan)
    folder("in", "photo.image.png")
    with pytest.raises(ConfigError, match=r"photo\.image\.png would be written over"):
        plan_predictions(REFERRING, {"image": photo, "coarse_mask": mask}, home)
    with pytest.raises(ConfigError, match="is the folder of the pictures"):
        plan_predictions(ENTITY, {"image": home}, home / ".." / "in")
    with pytest.raises(ConfigError, match="is a file"):
        plan_predictions(ENTITY, {"image": photo}, photo)


def test_a_link_to_an_input_is_that_input(folder, tmp_path):
    home, out = folder("in", "photo.png"), folder("out")
    (out / "photo.overlay.png").hardlink_to(home / "photo.png")
    with pytest.raises(ConfigError, match=r"photo\.png"):
        plan_predictions(ENTITY, {"image": home}, out)


def test_every_file_of_a_folder_is_used_or_named(folder, tmp_path):
    home = folder("in", "a.webp", "b.TIFF", "c.bmp", "._a.webp", "anim.gif", "below.png")
    (home / "below.png").unlink()
    (home / "below.png").mkdir()
    (home / "notes.txt").write_text("")
    plan = plan_predictions(ENTITY, {"image": home}, tmp_path / "out")
    assert list(names(plan)) == ["a.webp", "b.TIFF", "c.bmp"]
    said = {os.path.basename(one["file"]): one["reason"] for one in plan.skipped}
    assert said == {
        "anim.gif": "not a picture",
        "notes.txt": "not a picture",
        "below.png": "is a folder",
    }


def test_masks_are_matched_by_name(folder, tmp_path):
    images = folder("in", "a.jpg", "b.jpg", "c.jpg", "d.jpg", "d.png", "e\u0301.jpg")
    masks = folder("masks", "a.png", "c.bmp", "c.png", "d.png", "f.png", "\u00e9.png")
    sources = {"image": images, "coarse_mask": masks}
    plan = plan_predictions(REFERRING, sources, tmp_path / "out")
    found = {r.picture.name: r.files["coarse_mask"].name for r in plan.requests}
    assert found == {
        "a.jpg": "a.png",
        "d.jpg": "d.png",
        "d.png": "d.png",
        "e\u0301.jpg": "\u00e9.png",
    }
    said = {os.path.basename(one["file"]): one["reason"] for one in plan.skipped}
    assert "no single coarse_mask for b.jpg: none" in said["b.jpg"]
    assert "c.bmp, c.png" in said["c.jpg"]
    assert said["f.png"] == "no image of this name"


def test_sources_have_to_fit_the_task(folder, tmp_path):
    home = folder("in", "a.png")
    photo, out = home / "a.png", tmp_path / "out"
    for task, sources, reason in (
        (REFERRING, {"image": photo}, "coarse_mask: missing"),
        (REFERRING, {"coarse_mask": photo}, "image: missing"),
        (ENTITY, {"image": photo, "coarse_mask": photo}, "coarse_mask: entity does not take it"),
        (SYNTHESIS, {"image": photo}, "colormap: missing"),
    ):
        with pytest.raises(ConfigError, match=reason):
            plan_predictions(task, sources, out)
    with pytest.raises(DataError, match=r"nowhere\.png: no such file"):
        plan_predictions(ENTITY, {"image": home / "nowhere.png"}, out)
    with pytest.raises(DataError, match="no pictures"):
        plan_predictions(ENTITY, {"image": folder("empty")}, out)
    assert not out.exists()


def test_a_turned_photograph_and_its_upright_mask_fit(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    tall = np.arange(20 * 10 * 3, dtype=np.uint8).reshape(20, 10, 3)
    Image.fromarray(np.rot90(tall)).save(tmp_path / "photo.png", exif=exif)
    Image.new("L", (10, 20), 255).save(tmp_path / "mask.png")
    sources = {"image": tmp_path / "photo.png", "coarse_mask": tmp_path / "mask.png"}
    (request,) = plan_predictions(REFERRING, sources, tmp_path / "out").requests
    read = request.read()
    assert np.array_equal(read["image"], tall)
    assert read["coarse_mask"].shape == (20, 10)
