"""Forty scenes and their shards, built once for all tests of shards."""

import pytest

from tests.support.data.made_scenes import CLASSES, made_scene
from unigs.colormap.palette import Palette
from unigs.samples.options import SampleOptions
from unigs.shards.build import build_shards

OPTIONS = SampleOptions(Palette(5), CLASSES, size=32)


@pytest.fixture(scope="package")
def scenes(tmp_path_factory):
    """Forty scenes, on disk."""
    folder = tmp_path_factory.mktemp("scenes")
    return [made_scene(folder, number) for number in range(40)]


@pytest.fixture(scope="package")
def built(scenes, tmp_path_factory):
    """A folder of eight `referring` shards, which tests leave as it is, and its manifest."""
    folder = tmp_path_factory.mktemp("shards")
    return folder, build_shards(scenes, "referring", OPTIONS, folder, shards=8)
