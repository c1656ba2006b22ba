"""`unigs train`: from a folder of pixel shards to a pipeline, without the graph."""

import pytest

from tests.e2e.command import write_preset
from tests.made_scenes import CLASSES, made_scene
from unigs.colormap.palette import Palette
from unigs.errors import DataError
from unigs.samples import SampleOptions
from unigs.shards import build_shards
from unigs.training_command import train_from_shards


@pytest.mark.slow
def test_shards_of_a_task_become_a_pipeline(tmp_path):
    scenes = [made_scene(tmp_path, number) for number in range(6)]
    options = SampleOptions(Palette(5), CLASSES, size=64)
    build_shards(scenes, "entity", options, tmp_path / "entity", shards=2)
    preset = str(write_preset(tmp_path / "smoke.yaml"))
    result = train_from_shards(
        preset, ["entity"], tmp_path, tmp_path / "out", 1, False, should_stop=lambda: False
    )
    assert result["steps"] == 1
    assert (result["model"] / "model_index.json").is_file()
    with pytest.raises(DataError, match="no shards of referring"):
        train_from_shards(
            preset, ["referring", "entity"], tmp_path, tmp_path / "none", 1, False, lambda: False
        )
