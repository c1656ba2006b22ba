"""The test protocol: fixed scenes, fixed masks, one digest."""

import json

import pytest

from tests.support.data.made_scenes import CLASSES, made_scene
from unigs.colormap.palette import Palette
from unigs.errors import ConfigError
from unigs.index.scene_source import SceneList
from unigs.samples.options import SampleOptions
from unigs.shards.protocol import PROTOCOL, build_protocol
from unigs.shards.read import read_samples

OPTIONS = SampleOptions(Palette(5), CLASSES, size=32, flip_probability=0.5, all_negative=1.0)


def test_protocol_is_fixed_and_holds_single_and_multiple_objects(tmp_path):
    scenes = [made_scene(tmp_path, number) for number in range(30)]
    protocol = build_protocol(SceneList(scenes), OPTIONS, tmp_path / "a", count=12)
    assert len(protocol.scenes) == 12
    again = build_protocol(SceneList(scenes[::-1]), OPTIONS, tmp_path / "b", count=12)
    assert again == protocol
    assert json.loads((tmp_path / "a" / PROTOCOL).read_text())["digest"] == protocol.digest
    single = list(read_samples(tmp_path / "a" / "inpainting" / "single"))
    multiple = list(read_samples(tmp_path / "a" / "inpainting" / "multiple"))
    assert {len(sample.entities) for sample in single} == {1}
    assert {len(sample.entities) for sample in multiple} == {1, 2, 3}
    assert {sample.scene for sample in single} == set(protocol.scenes)
    referring = [
        sample
        for kind in ("single", "multiple")
        for sample in read_samples(tmp_path / "a" / "referring" / kind)
    ]
    assert not any(sample.absent for sample in referring)
    entity = read_samples(tmp_path / "a" / "entity")
    assert max(len(sample.entities) for sample in entity) > 3

    other = build_protocol(SceneList(scenes), OPTIONS, tmp_path / "c", count=12, seed=1)
    assert set(other.scenes) != set(protocol.scenes)
    # One scene less moves one scene at most.
    gone = SceneList([scene for scene in scenes if scene.key != protocol.scenes[0]])
    fewer = build_protocol(gone, OPTIONS, tmp_path / "a", count=12, tasks=["entity"])
    assert len(set(fewer.scenes) & set(protocol.scenes)) == 11
    with pytest.raises(ConfigError):
        build_protocol(SceneList(scenes), OPTIONS, tmp_path / "d", count=0)
