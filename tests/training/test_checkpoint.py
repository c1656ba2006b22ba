"""Checkpoints are written while training goes on, hold the state of their own step, and are on the
disk when training ends."""

import threading
import time
from dataclasses import replace

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from tests.support.models.tiny_stream import RandomStream, tiny_unet
from tests.training.test_loop import DIFFUSION, training
from unigs.errors import DataError, DeviceError
from unigs.training import checkpoint
from unigs.training.loop import Interrupted, train


class Signalling(RandomStream):
    """Says when the batch of a step is asked for."""

    def __init__(self, step):
        super().__init__()
        self.step, self.asked = step, threading.Event()

    def batch(self, step):
        if step == self.step:
            self.asked.set()
        return super().batch(step)


def held(monkeypatch, before):
    """Let every checkpoint wait for `before` before it is written."""
    write = checkpoint.save_checkpoint

    def late(*arguments):
        before()
        return write(*arguments)

    monkeypatch.setattr(checkpoint, "save_checkpoint", late)


def groups(folder):
    return {
        file.stem: load_file(file)
        for file in sorted((folder / "checkpoints" / "step-00000002").glob("*.safetensors"))
    }


def test_training_goes_on_while_a_checkpoint_of_its_step_is_written(tmp_path, monkeypatch):
    changes = {"steps": 5, "checkpoints_kept": 9}
    train(tiny_unet(), RandomStream(), training(**changes), DIFFUSION, tmp_path / "at once")
    # The third and the fourth step change the weights before the state after the second is written.
    stream = Signalling(3)
    waited = []
    held(monkeypatch, lambda: waited.append(stream.asked.wait(60)))
    train(tiny_unet(), stream, training(**changes), DIFFUSION, tmp_path / "late")
    assert waited == [True] * 3
    expected, found = groups(tmp_path / "at once"), groups(tmp_path / "late")
    assert list(found) == ["ema", "optimizer", "unet"]
    for group, tensors in expected.items():
        assert all(torch.equal(found[group][name], value) for name, value in tensors.items())


def test_an_interrupted_run_waits_for_its_checkpoint(tmp_path, monkeypatch):
    held(monkeypatch, lambda: time.sleep(0.3))
    with pytest.raises(Interrupted):
        train(
            tiny_unet(), RandomStream(), training(), DIFFUSION, tmp_path, should_stop=lambda: True
        )
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000001"]


def test_a_device_that_fails_is_named_and_the_checkpoint_before_it_is_there(tmp_path, monkeypatch):
    class Vanishing(RandomStream):
        def batch(self, step):
            if step == 3:
                raise RuntimeError("CUDA error: unspecified launch failure\nCompile with ...")
            return super().batch(step)

    held(monkeypatch, lambda: time.sleep(0.3))
    # A `DeviceError` is tried again by the graph, in a new process.
    with pytest.raises(DeviceError, match=r"failed: CUDA error: unspecified [a-z ]+\(resume"):
        train(tiny_unet(), Vanishing(), training(), DIFFUSION, tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000002"]


def test_a_checkpoint_that_cannot_be_written_ends_the_run(tmp_path, monkeypatch):
    def full():
        raise OSError(28, "No space left on device")

    held(monkeypatch, full)
    asked = Signalling(4)
    with pytest.raises(OSError, match="No space left"):
        train(tiny_unet(), asked, training(checkpoint_every=2), DIFFUSION, tmp_path)
    # Not after it had gone on for long: the next checkpoint's turn is the latest.
    assert not asked.asked.is_set()


def test_a_full_disk_is_told_and_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    def full(tensors, file):
        raise SafetensorError("Error while serializing: I/O error: No space left on device")

    before = checkpoint.Checkpoint(2, {"unet": {"w": torch.ones(2)}}, {})
    checkpoint.save_checkpoint(tmp_path, before, keep=1)
    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(DataError, match=r"step-00000004: the checkpoint .* No space left"):
        checkpoint.save_checkpoint(tmp_path, replace(before, step=4), keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002"]


@pytest.mark.parametrize("content", ["", "[1]", '{"files": [1]}', '{"files": {}}'])
def test_a_damaged_record_is_skipped_for_the_checkpoint_before(tmp_path, caplog, content):
    for step in (1, 2):
        tensors = {"unet": {"weight": torch.ones(step)}}
        checkpoint.save_checkpoint(tmp_path, checkpoint.Checkpoint(step, tensors, {}), 2)
    (tmp_path / "step-00000002" / "state.json").write_text(content)
    found = checkpoint.load_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 1
    assert "step-00000002 is damaged" in caplog.text
