"""Samples as files: what is written is read again, and a broken file is one error."""

import numpy as np
import pytest

from tests.support.data.made_scenes import CLASSES, made_scene
from unigs.colormap.palette import Palette
from unigs.errors import DataError
from unigs.samples.options import SampleOptions
from unigs.samples.sample import make_sample
from unigs.samples.serialization import decode_sample, encode_sample
from unigs.tasks import TASKS

OPTIONS = SampleOptions(Palette(5), CLASSES, size=64)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    return [made_scene(folder, n, things=2 + n % 5, crowd=n % 3 == 0) for n in range(6)]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("image_format", ["png", "jpg"])
def test_files_give_the_sample_back(scenes, task, image_format):
    for seed, scene in enumerate(scenes):
        sample = make_sample(scene, task, OPTIONS, seed)
        back = decode_sample(encode_sample(sample, image_format))
        for name in ("segments", "colormap", "coarse_mask", "valid"):
            np.testing.assert_array_equal(getattr(back, name), getattr(sample, name))
            assert getattr(back, name).dtype == getattr(sample, name).dtype
        assert back.entities == sample.entities
        assert (back.prompt, back.absent, back.seed) == (sample.prompt, sample.absent, sample.seed)
        if image_format == "png":
            np.testing.assert_array_equal(back.image, sample.image)
        else:
            assert np.abs(back.image.astype(int) - sample.image).mean() < 6


def test_broken_files_are_one_error(scenes):
    files = encode_sample(make_sample(scenes[0], "entity", OPTIONS, 0), "png")
    for name in files:
        with pytest.raises(DataError):
            decode_sample({key: data for key, data in files.items() if key != name})
        with pytest.raises(DataError):
            decode_sample(files | {name: b"\x00" * 40})
