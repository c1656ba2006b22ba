"""A model has the palette and the size of the samples that it learned from."""

import shutil
from dataclasses import replace

import pytest

from tests.support.data.made_scenes import CLASSES, made_scene
from unigs.colormap.palette import Palette
from unigs.errors import ConfigError, DataError
from unigs.samples.options import SampleOptions
from unigs.shards.build import build_shards
from unigs.shards.manifest import read_manifest, write_manifest
from unigs.workflows.shard_settings import settings_of_shards


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Shards of entity, and of referring with another palette and with another size."""
    place = tmp_path_factory.mktemp("shards")
    scenes = [made_scene(place, number) for number in range(2)]
    for name, task, palette, size in (
        ("entity", "entity", Palette(5), 64),
        ("referring", "referring", Palette(5), 64),
        ("palette", "referring", Palette(11), 64),
        ("size", "referring", Palette(5), 32),
    ):
        build_shards(scenes, task, SampleOptions(palette, CLASSES, size=size), place / name)
    return place


def test_palette_and_size_are_those_of_the_shards(folders):
    both = {task: folders / task for task in ("entity", "referring")}
    expected = {"codec.palette": Palette(5).name, "data.size": 64}
    assert settings_of_shards(both, {}) == expected
    assert settings_of_shards(both, expected | {"training.steps": 3}) == expected


@pytest.mark.parametrize("other", ["palette", "size"])
def test_shards_that_differ_are_refused(folders, other):
    both = {"entity": folders / "entity", "referring": folders / other}
    with pytest.raises(ConfigError, match=rf"{other} is .* in the other shards"):
        settings_of_shards(both, {})


def test_settings_that_say_otherwise_are_refused(folders):
    with pytest.raises(ConfigError, match=r"data\.size is 64 in these shards and 32 in the settin"):
        settings_of_shards({"entity": folders / "entity"}, {"data.size": 32})


def test_shards_of_another_task_and_latents_are_refused(folders, tmp_path):
    with pytest.raises(DataError, match="holds samples of entity, not of referring"):
        settings_of_shards({"referring": folders / "entity"}, {})
    shutil.copytree(folders / "entity", tmp_path / "latents")
    manifest = read_manifest(tmp_path / "latents")
    write_manifest(tmp_path / "latents", replace(manifest, configuration={"task": "entity"}))
    with pytest.raises(DataError, match="holds latents"):
        settings_of_shards({"entity": tmp_path / "latents"}, {})
