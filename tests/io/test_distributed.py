"""Two processes learn what one learns, stop together, and none outlives the others."""

import multiprocessing
import os
import signal
import time
from contextlib import suppress
from functools import partial

import pytest
import torch
from safetensors.torch import load_file

from tests.support.models.tiny_stream import RandomStream, tiny_unet
from unigs.config.preset import TrainingConfig
from unigs.errors import ConfigError, DeviceError, TransientError
from unigs.io.distributed import any_of, gathered, group, rank_and_world
from unigs.training import checkpoint
from unigs.training.fsdp import SHARDS_ON_CPU
from unigs.training.loop import Interrupted, train

from tests.training.test_loop import DIFFUSION  # isort: skip

CONFIG = TrainingConfig(steps=3, batch_size=4, warmup_steps=1, precision="fp32", ema_decay=0.0)


def learn(folder, stop=False):
    unet = tiny_unet()
    try:
        train(unet, RandomStream(), CONFIG, DIFFUSION, folder, should_stop=lambda: stop)
    except Interrupted:
        if rank_and_world()[0] == 0:
            raise
    return unet


def test_two_processes_learn_what_one_learns(tmp_path):
    alone = learn(tmp_path / "one").state_dict()
    with group(2, learn, tmp_path / "two"):
        together = learn(tmp_path / "two").state_dict()
    untrained = tiny_unet().state_dict()
    for name, value in alone.items():
        moved = (value - untrained[name]).norm()
        assert (together[name] - value).norm() <= 1e-3 * moved + 1e-6, name
    assert not multiprocessing.active_children()


def learn_compiled(folder):
    whole, torch.compile = torch.compile, partial(torch.compile, backend="eager")
    unet = tiny_unet()
    try:
        config = CONFIG.model_copy(update={"compile": True, "accumulation": 2})
        train(unet, RandomStream(), config, DIFFUSION, folder)
    finally:
        torch.compile = whole
    return unet


@pytest.mark.slow
def test_two_processes_with_a_compiled_unet_learn_what_one_learns(tmp_path):
    alone = learn(tmp_path / "one").state_dict()
    with group(2, learn_compiled, tmp_path / "two"):
        together = learn_compiled(tmp_path / "two").state_dict()
    untrained = tiny_unet().state_dict()
    for name, value in alone.items():
        moved = (value - untrained[name]).norm()
        assert (together[name] - value).norm() <= 1e-3 * moved + 1e-6, name
    # Names of the UNet, not of what wraps it: a plain run resumes from them.
    saved = load_file(tmp_path / "two" / "checkpoints" / "step-00000003" / "unet.safetensors")
    assert saved.keys() == alone.keys()


def first_gradient(folder, accumulation=1):
    changes = {"steps": 1, "batch_size": 8, "accumulation": accumulation, "clip_norm": 1e9}
    config = CONFIG.model_copy(update=changes)
    train(tiny_unet(), RandomStream(8), config, DIFFUSION, folder)


def test_two_processes_have_the_gradient_of_one_with_the_double_batch(tmp_path):
    first_gradient(tmp_path / "one")
    with group(2, first_gradient, tmp_path / "two", 2):
        first_gradient(tmp_path / "two", 2)
    moments = [
        load_file(tmp_path / name / "checkpoints" / "step-00000001" / "optimizer.safetensors")
        for name in ("one", "two")
    ]
    one, two = (
        torch.cat([value.flatten() for name, value in kept.items() if name.endswith("exp_avg")])
        for kept in moments
    )
    assert one.norm() > 0
    assert (two - one).norm() <= 1e-5 * one.norm()


def test_the_group_stops_together(tmp_path):
    with pytest.raises(Interrupted), group(2, learn, tmp_path):
        learn(tmp_path, stop=True)
    assert not multiprocessing.active_children()
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-00000001"]


def fail():
    raise RuntimeError("the other process fails")


def test_a_broken_group_fails_and_leaves_nobody_behind():
    threads = torch.get_num_threads()
    with pytest.raises(RuntimeError), group(2, fail):
        any_of(False)
    assert not multiprocessing.active_children()
    assert torch.get_num_threads() == threads
    assert rank_and_world() == (0, 1)


def lose_the_device():
    raise DeviceError("the accelerator failed: CUDA error", hint="resume")


def be_killed():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("worker", "kind", "line"),
    [
        (lose_the_device, DeviceError, r"^the accelerator failed: CUDA error \(resume\)$"),
        (be_killed, TransientError, r"^process 1 of 2 was killed by SIGKILL \(run again"),
    ],
)
def test_why_the_other_process_ended_is_one_line(worker, kind, line, capfd):
    with pytest.raises(kind, match=line), group(2, worker):
        any_of(False)
    assert "Traceback" not in capfd.readouterr().err


def test_a_stream_of_another_group_is_refused(tmp_path):
    stream = RandomStream()
    stream.rank, stream.world = 1, 2
    with pytest.raises(ConfigError, match="process 0 of 1 got the stream of 1 of 2"):
        train(tiny_unet(), stream, CONFIG, DIFFUSION, tmp_path)


def learn_again(folder):
    """Stop after a step whose checkpoint takes long to write, and go on at once."""
    save = checkpoint.save_checkpoint
    # Nothing else makes the processes of `fsdp` wait for each other when a training begins.
    config = CONFIG.model_copy(update={"parallel": "fsdp"})

    def slow(*arguments):
        time.sleep(1.0)
        save(*arguments)

    checkpoint.save_checkpoint = slow
    try:
        with suppress(Interrupted):
            train(tiny_unet(), RandomStream(), config, DIFFUSION, folder, should_stop=lambda: True)
    finally:
        checkpoint.save_checkpoint = save
    report = train(tiny_unet(), RandomStream(), config, DIFFUSION, folder)
    return gathered(report.resumed_from)


@pytest.mark.skipif(not SHARDS_ON_CPU, reason="FSDP2 of this torch needs an accelerator")
def test_no_process_goes_on_before_the_checkpoint_is_written(tmp_path):
    with group(2, learn_again, tmp_path):
        assert learn_again(tmp_path) == [1, 1]
