"""kill -9 at any moment: what is on the disk is enough to end with the same bits."""

import multiprocessing
import os
import signal
import threading
import time

import pytest
import torch

from tests.support.models.tiny_stream import RandomStream, tiny_unet
from tests.training.test_loop import DIFFUSION, training
from unigs.training import checkpoint
from unigs.training.loop import train

pytestmark = pytest.mark.slow
OPTIONS = {"accumulation": 2, "precision": "fp32"}


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class DeadlyStream(RandomStream):
    def __init__(self, last_words):
        super().__init__()
        self.last_words = last_words

    def batch(self, step):
        if step == 5:
            self.last_words()
            die()
        return super().batch(step)


def killed_in_a_step(folder):
    def written():
        while not (folder / "checkpoints" / "step-00000004").exists():
            time.sleep(0.01)

    train(tiny_unet(), DeadlyStream(written), training(**OPTIONS), DIFFUSION, folder)


def killed_in_a_step_while_the_one_before_is_written(folder):
    begun = threading.Event()
    save = checkpoint.save_file

    def endless(tensors, file):
        save(tensors, file)
        if "step-00000004" in str(file):
            begun.set()
            threading.Event().wait()

    checkpoint.save_file = endless
    train(tiny_unet(), DeadlyStream(begun.wait), training(**OPTIONS), DIFFUSION, folder)


def killed_while_saving(folder):
    written = []
    save = checkpoint.save_file

    def deadly(tensors, file):
        save(tensors, file)
        written.append(file)
        # The second file of the checkpoint of step 4.
        if len(written) == 5:
            die()

    checkpoint.save_file = deadly
    train(tiny_unet(), RandomStream(), training(**OPTIONS), DIFFUSION, folder)


def killed_after_the_swap(folder):
    """The checkpoint of step 6 is in its place, those it replaces are still there."""

    def deadly(path, **options):
        die()

    replace = checkpoint.os.replace

    def swap(source, target):
        replace(source, target)
        if "step-00000006" in str(target):
            checkpoint.shutil.rmtree = deadly

    checkpoint.os.replace = swap
    train(tiny_unet(), RandomStream(), training(**OPTIONS), DIFFUSION, folder)


@pytest.mark.parametrize(
    ("way", "left"),
    [
        (killed_in_a_step, 4),
        (killed_in_a_step_while_the_one_before_is_written, 2),
        (killed_while_saving, 2),
        (killed_after_the_swap, 6),
    ],
)
def test_a_killed_training_ends_with_the_same_bits(tmp_path, way, left):
    process = multiprocessing.get_context("spawn").Process(target=way, args=(tmp_path / "cut",))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    unet = tiny_unet(seed=1)
    report = train(unet, RandomStream(), training(**OPTIONS), DIFFUSION, tmp_path / "cut")
    assert report.resumed_from == left
    wanted = tiny_unet()
    whole = train(wanted, RandomStream(), training(**OPTIONS), DIFFUSION, tmp_path / "whole")
    assert report.loss == whole.loss
    for name, value in wanted.state_dict().items():
        assert torch.equal(unet.state_dict()[name], value), name
