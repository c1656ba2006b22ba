"""`unigs train` destroys nothing before its successor is whole."""

import os
import shutil

import pytest

from tests.e2e.command import write_preset
from tests.support.data.made_scenes import files_of
from tests.support.data.tiny_shards import write_shards
from unigs.errors import DataError
from unigs.training.checkpoint import CHECKPOINTS, newest_step
from unigs.workflows import training_place as module
from unigs.workflows.train_from_shards import train_from_shards
from unigs.workflows.training_place import (
    RETRAINING,
    end_retraining,
    finish_training,
    training_place,
)


@pytest.fixture
def run(tmp_path):
    """`run(resume, stop)` trains 4 steps into one folder, or stops after the first."""
    write_shards(tmp_path, ["entity"])
    preset = str(write_preset(tmp_path / "few.yaml", {"processes": 1}))

    def run(resume=False, stop=False):
        out = tmp_path / "out"
        return train_from_shards(preset, ["entity"], tmp_path, out, 4, resume, lambda: stop)

    return run


def checkpoint(place, step):
    folder = place / CHECKPOINTS / f"step-{step:08d}"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text(str(step))


def test_an_unfinished_training_stays_until_it_is_resumed(run, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(Exception, match="stopped after step 1 of 4"):
        run(stop=True)
    before = files_of(out)
    with pytest.raises(DataError) as told:
        run()
    for said in (str(out), "step 1 ", "--resume", "another --out"):
        assert said in str(told.value)
    assert files_of(out) == before
    assert run(resume=True)["steps"] == 4


def test_a_finished_training_stays_until_the_next_is_whole(run, tmp_path):
    out = tmp_path / "out"
    model = run()["model"]
    finished = files_of(model) | files_of(out / CHECKPOINTS)
    for resume in (False, True):
        with pytest.raises(Exception, match=r"stopped after step \d of 4"):
            run(resume, stop=True)
        assert files_of(model) | files_of(out / CHECKPOINTS) == finished
    with pytest.raises(DataError, match="unfinished training"):
        run()
    (model / "of the first").touch()
    assert run(resume=True)["steps"] == 4
    assert not (model / "of the first").exists()
    assert (model / "README.md").is_file()
    assert newest_step(out / CHECKPOINTS) == 4
    assert not (out / RETRAINING).exists()


@pytest.mark.parametrize("call", ["replace-1", "replace-2", "rmtree-1", "rmtree-2"])
def test_a_kill_between_two_moves_loses_no_checkpoint(tmp_path, monkeypatch, call):
    for place, step in ((tmp_path, 3), (tmp_path / RETRAINING, 5)):
        checkpoint(place, step)
    finish_training(tmp_path, tmp_path)
    name, number = call.split("-")
    home, calls = (os, []) if name == "replace" else (shutil, [])
    real = getattr(home, name)

    def deadly(*arguments, **options):
        # the first replacement is that of the record
        calls.append(arguments)
        if len(calls) == int(number) + (name == "replace"):
            raise KeyboardInterrupt
        return real(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(getattr(module, home.__name__), name, deadly)
        with pytest.raises(KeyboardInterrupt):
            finish_training(tmp_path, tmp_path / RETRAINING)
    end_retraining(tmp_path)
    assert training_place(tmp_path, resume=False) == tmp_path / RETRAINING
    assert newest_step(tmp_path / CHECKPOINTS) == 5
    assert training_place(tmp_path, resume=True) == tmp_path


def test_a_finished_training_that_is_taken_further_is_unfinished(tmp_path):
    checkpoint(tmp_path, 3)
    finish_training(tmp_path, tmp_path)
    assert training_place(tmp_path, resume=False) == tmp_path / RETRAINING
    checkpoint(tmp_path, 4)
    with pytest.raises(DataError, match="step 4"):
        training_place(tmp_path, resume=False)
