"""Training samples cropped at a scale, mirrored and changed in colour, as their seed says."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from tests.support.data.made_scenes import CLASSES, made_scene
from unigs.colormap.palette import Palette
from unigs.config.data import DataConfig
from unigs.config.preset import load_preset
from unigs.index.scene_source import SceneList
from unigs.samples.options import SampleOptions
from unigs.samples.sample import make_sample, sample_seed
from unigs.samples.split_options import sample_options
from unigs.samples.transforms import jitter_colors, resize_and_crop
from unigs.shards.build import build_shards
from unigs.shards.read import read_samples
from unigs.tasks import TASKS

PLAIN = SampleOptions(Palette(5), CLASSES, size=32)
AUGMENTED = replace(
    PLAIN, random_crop=True, crop_scale=(0.5, 1.0), flip_probability=0.5, color_jitter=0.3
)


def drawn(scene, task, options, variant=0):
    return make_sample(scene, task, options, sample_seed(scene.digest, task, 0, variant))


@pytest.mark.parametrize("task", TASKS)
def test_a_sample_depends_on_scene_task_seed_and_variant_alone(tmp_path, task):
    scene = made_scene(tmp_path, 1, height=90, width=60)
    first, again = (drawn(scene, task, AUGMENTED, variant=3) for _ in range(2))
    for name in ("image", "segments", "coarse_mask", "colormap"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    images = {drawn(scene, task, AUGMENTED, variant).image.tobytes() for variant in range(8)}
    assert len(images) == 8


@pytest.mark.parametrize(("height", "width"), [(90, 60), (60, 90), (20, 14)])
def test_a_crop_is_a_square_of_the_picture_that_is_never_squeezed(height, width):
    # The position of a pixel is its colour, its label its row.
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows, columns, np.zeros_like(rows)], axis=-1).astype(np.uint8)
    sides, corners = [], set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        crop, labels = resize_and_crop(image, rows.astype(np.int32), 32, rng, (0.5, 0.9))
        down = float(crop[-2, 16, 0]) - crop[1, 16, 0]
        across = float(crop[16, -2, 1]) - crop[16, 1, 1]
        assert down == pytest.approx(across, abs=2.0)
        assert np.abs(labels[:, 16] - crop[:, 16, 0].astype(int)).max() <= 1
        sides.append(down * 32 / 29)
        corners.add((int(crop[0, 0, 0]), int(crop[0, 0, 1])))
    shorter = min(height, width)
    assert 0.4 * shorter < min(sides) < 0.6 * shorter
    assert 0.8 * shorter < max(sides) < shorter
    assert len(corners) > 20


def test_entities_take_the_colours_of_their_mirrored_places(tmp_path):
    scene = made_scene(tmp_path, 2)
    options = replace(PLAIN, size=64)
    plain = drawn(scene, "entity", options)
    mirrored = drawn(scene, "entity", replace(options, flip_probability=1.0))
    np.testing.assert_array_equal(mirrored.segments, plain.segments[:, ::-1])
    np.testing.assert_array_equal(mirrored.image, plain.image[:, ::-1])
    np.testing.assert_array_equal(mirrored.colormap, options.palette.encode(mirrored.segments))
    assert not np.array_equal(mirrored.colormap, plain.colormap[:, ::-1])
    for before, after in zip(plain.entities, mirrored.entities, strict=True):
        assert after.centroid[0] == pytest.approx(63 - before.centroid[0])


def test_jitter_changes_colours_alone_and_by_no_more_than_it_says(tmp_path):
    scene = made_scene(tmp_path, 3)
    options = replace(PLAIN, size=64)
    plain = drawn(scene, "entity", options)
    changed = drawn(scene, "entity", replace(options, color_jitter=0.2))
    np.testing.assert_array_equal(plain.segments, changed.segments)
    assert not np.array_equal(plain.image, changed.image)
    grey = np.full((8, 8, 3), 100, np.uint8)
    values = [int(jitter_colors(grey, 0.2, np.random.default_rng(s))[0, 0, 0]) for s in range(200)]
    # Of an even grey picture contrast and saturation change nothing.
    assert 80 <= min(values) < 85
    assert 115 < max(values) <= 120
    np.testing.assert_array_equal(
        jitter_colors(plain.image, 0.0, np.random.default_rng(0)), plain.image
    )


def test_held_out_samples_are_left_as_they_are():
    preset = load_preset("photo")
    train, held_out = (sample_options(preset, ["hat"], split) for split in ("train", "val"))
    assert (train.crop_scale, train.flip_probability, train.color_jitter) == ((0.6, 1.0), 0.5, 0.2)
    assert train.random_crop
    assert (held_out.crop_scale, held_out.flip_probability) == ((1.0, 1.0), 0.0)
    assert (held_out.color_jitter, held_out.random_crop) == (0.0, False)


@pytest.mark.parametrize("scale", [(0.0, 1.0), (0.9, 0.5), (0.5, 1.5)])
def test_scales_that_cannot_be_are_refused(scale):
    with pytest.raises(ValidationError, match="crop_scale"):
        DataConfig(crop_scale=scale)


def test_real_portraits_of_any_size_give_squares(test_data):
    folder = test_data / "photos" / "ccp" / "val2017"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    for file in sorted(folder.iterdir())[:6]:
        with Image.open(file) as picture:
            image = np.asarray(picture.convert("RGB"))
        segments = np.ones(image.shape[:2], np.int32)
        crop, labels = resize_and_crop(image, segments, 256, np.random.default_rng(0), (0.6, 1.0))
        assert crop.shape == (256, 256, 3)
        assert labels.shape == (256, 256)


@pytest.mark.parametrize("split", ["train", "val"])
def test_small_portrait_and_landscape_pictures_of_one_set_give_samples_of_one_size(tmp_path, split):
    # The first and the last are smaller than a crop.
    sizes = [(20, 14), (90, 60), (60, 90), (32, 32), (12, 40)]
    scenes = [made_scene(tmp_path, number, *size) for number, size in enumerate(sizes)]
    options = replace(sample_options(load_preset("photo"), CLASSES, split), size=32)
    for task in TASKS:
        build_shards(SceneList(scenes), task, options, tmp_path / task)
        samples = list(read_samples(tmp_path / task))
        assert {sample.key for sample in samples} == {scene.key for scene in scenes}
        for sample in samples:
            assert sample.image.shape == (32, 32, 3)
            assert sample.segments.shape == sample.coarse_mask.shape == (32, 32)
            assert len(sample.entities) == sample.segments.max()
            assert sample.entities or sample.absent
