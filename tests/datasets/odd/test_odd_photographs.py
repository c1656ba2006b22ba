"""Photographs of every format, size and way up."""

import math

import numpy as np
import pytest
from PIL import Image

from tests.datasets.layouts import IMAGES
from tests.datasets.small_set import HEIGHT, WIDTH, annotation, image, photograph, read, write_set


@pytest.mark.parametrize("size", [(-1, -1), (0, 0), (None, None), ("", "?"), (WIDTH, None),
                                  (math.nan, -1), ("64px", {})])  # fmt: skip
def test_size_that_is_not_known_is_taken_from_the_file(tmp_path, size):
    width, height = size
    scenes, refused, _ = read(write_set(tmp_path, [image(width=width, height=height)]))
    assert not refused
    assert scenes["a"].segments.shape == (HEIGHT, WIDTH)
    assert ["size taken" in note for note in scenes["a"].notes] == [True]


def test_size_that_is_left_out_or_text(tmp_path):
    record = image(width=str(WIDTH), height=float(HEIGHT))
    scenes, refused, _ = read(write_set(tmp_path, [record]))
    assert not refused
    assert scenes["a"].notes == ()
    del record["width"], record["height"]
    scenes, refused, _ = read(write_set(tmp_path, [record]))
    assert len(scenes["a"].notes) == 1
    assert not refused


def exif(orientation):
    record = Image.Exif()
    record[0x0112] = orientation
    return {"exif": record, "quality": 95}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_photograph_is_turned_to_the_size_annotated(tmp_path, orientation, kind):
    upright = (WIDTH, HEIGHT) if orientation > 4 else (HEIGHT, WIDTH)
    record = image(height=upright[0], width=upright[1])
    write_set(tmp_path, [record], files={"a.jpg": {"format": kind, **exif(orientation)}})
    scenes, refused, _ = read(tmp_path)
    assert not refused
    (scene,) = scenes.values()
    assert scene.segments.shape == upright
    assert scene.turned == (orientation != 1)
    assert len(scene.notes) == (orientation != 1)
    with Image.open(tmp_path / "val2017" / "a.jpg") as file:
        stored = np.asarray(file.convert("RGB")).astype(int)
    turn = {
        1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1],
        5: stored.transpose(1, 0, 2), 6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(stored),
    }[orientation]  # fmt: skip
    assert np.array_equal(scene.image(), turn)


def test_photograph_stays_as_stored_where_that_is_annotated(tmp_path):
    write_set(tmp_path, files={"a.jpg": exif(6)})
    scenes, _, _ = read(tmp_path)
    assert not scenes["a"].turned
    assert "as stored" in scenes["a"].notes[0]
    assert np.abs(scenes["a"].image().astype(int) - np.asarray(photograph())).mean() < 3


def test_turned_photograph_is_another_scene(tmp_path):
    counts = {"size": [HEIGHT, WIDTH], "counts": [0, HEIGHT * WIDTH]}
    for way in ("stored", "turned"):
        sizes = {"height": -1, "width": -1}
        if way == "turned":
            counts = {**counts, "size": [WIDTH, HEIGHT]}
        write_set(tmp_path / way, [image(**sizes)], [annotation(segmentation=counts)],
                  files={"a.jpg": exif(6)})  # fmt: skip
    stored, turned = (read(tmp_path / way)[0]["a"] for way in ("stored", "turned"))
    assert (stored.turned, turned.turned) == (False, True)
    assert stored.digest != turned.digest


@pytest.mark.parametrize("name", ["ade20k", "open_images", "shapes"])
def test_label_maps_and_masks_tell_the_way_up(benches, tmp_path, name):
    bench = benches[name]
    root = bench.copy(tmp_path)
    file = root / IMAGES[name]
    upright = Image.open(file).convert("RGB")
    quarter = upright.transpose(Image.Transpose.ROTATE_90)
    record = Image.Exif()
    record[0x0112] = 6
    quarter.save(file, "PNG", exif=record)
    scenes, refused = bench.scan(root)
    assert not refused
    (scene,) = (s for s in scenes.values() if s.image_file.name == file.name)
    assert scene.turned
    assert np.array_equal(scene.image(), np.asarray(upright))


def test_formats_are_told_by_content(tmp_path):
    kinds = {"w.jpg": "WEBP", "v.webp": "WEBP", "bmp.jpg": "BMP", "t.tif": "TIFF", "p.JPEG": "PNG"}
    write_set(
        tmp_path,
        [image(number, name) for number, name in enumerate(kinds)],
        [annotation(number, number) for number in range(len(kinds))],
        files={name: {"format": kind} for name, kind in kinds.items()},
    )
    scenes, refused, _ = read(tmp_path)
    assert not refused
    assert sorted(scenes) == ["bmp", "p", "t", "v", "w"]
    assert all(scene.image().shape == (HEIGHT, WIDTH, 3) for scene in scenes.values())
