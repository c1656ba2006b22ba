"""Which model of a store the demo starts with."""

import json
import os

import pytest

from unigs.errors import ConfigError
from unigs.lineage.champions import note_champion
from unigs.workflows.store_model import store_model


def add_model(store, place, version, age):
    folder = store / place
    folder.mkdir(parents=True)
    file = folder / "model_index.json"
    file.write_text("{}")
    os.utime(file, (1000 - age, 1000 - age))
    if version:
        record = {"name": version.split("/")[0], "version": version.split("/")[1]}
        (folder.parent / "registered.json").write_text(json.dumps(record))
    return str(folder)


def note_a_build(store):
    """One build, so that the store has a history."""
    line = dict.fromkeys(("digest", "fingerprint", "time"), "x") | {"metadata": {}, "inputs": {}}
    file = store / "shapes-tiny" / ".raw.history.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(line) + "\n")


def test_the_newest_joint_model_without_a_champion(tmp_path):
    with pytest.raises(ConfigError, match="unigs run"):
        store_model(tmp_path)
    add_model(tmp_path, "shapes-tiny/models/.joint.building/pipeline", "", 0)
    add_model(tmp_path, "shapes-tiny/models/untrained/pipeline", "", 0)
    add_model(tmp_path, "shapes-tiny/models/entity/pipeline", "entity/1", 0)
    add_model(tmp_path, "shapes-tiny/elsewhere/pipeline", "", 0)
    wanted = add_model(tmp_path, "shapes-tiny/models/joint/pipeline", "joint/4", 5)
    add_model(tmp_path, "old/models/joint/pipeline", "joint/1", 9)
    assert store_model(tmp_path) == (wanted, "joint/4")


def test_the_champion_goes_first_wherever_it_is(tmp_path):
    note_a_build(tmp_path)
    add_model(tmp_path, "shapes-tiny/models/joint/pipeline", "joint/4", 0)
    older = add_model(tmp_path, "old/models/joint/pipeline", "old-joint/2", 9)
    note_champion(tmp_path, "old-joint", "2")
    assert store_model(tmp_path) == (older, "old-joint/2, champion")


def test_a_champion_whose_folder_was_trained_over_is_in_the_registry(tmp_path):
    note_a_build(tmp_path)
    add_model(tmp_path, "shapes-tiny/models/joint/pipeline", "joint/4", 0)
    note_champion(tmp_path, "joint", "3")
    assert store_model(tmp_path) == ("models:/joint/3", "joint/3, champion")
