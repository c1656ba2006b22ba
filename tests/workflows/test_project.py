"""A project folder is one that a run can start in."""

import pytest

from unigs.config.preset import load_preset
from unigs.datasets import open_dataset
from unigs.errors import ConfigError
from unigs.workflows.project import make_project
from unigs.workflows.sources import run_sources


def test_its_preset_and_its_data_are_those_of_its_command(tmp_path):
    folder = tmp_path / "mine"
    files = make_project(folder, 4)
    assert all((folder / name).exists() for name in files)
    preset = load_preset(folder / "preset.yaml")
    (source,) = run_sources(preset, "coco_panoptic", str(folder / "data"))
    assert source.root == folder / "data"
    splits = [list(open_dataset("coco_panoptic", source.root, split)) for split in ("train", "val")]
    assert [len(scenes) for scenes in splits] == [4, 8]
    assert splits[0][0].width == preset.data.size


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ConfigError, match="is not empty"):
        make_project(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]
