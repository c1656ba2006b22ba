"""A training goes on with another number of processes than it began with."""

import itertools
from contextlib import suppress

import pytest
import torch

from tests.support.models.tiny_stream import RandomStream, tiny_unet
from tests.training.test_loop import DIFFUSION
from unigs.config.preset import TrainingConfig
from unigs.io.distributed import group, rank_and_world
from unigs.training.loop import Interrupted, train

CONFIG = TrainingConfig(
    steps=6, batch_size=6, warmup_steps=1, precision="fp32", ema_decay=0.5, checkpoint_every=100
)


def go_on(folder, steps):
    """Train until so many more steps are taken; the UNet, whose averages count at the end."""
    taken = itertools.count(1)
    unet = tiny_unet()
    with suppress(Interrupted):
        train(
            unet, RandomStream(6), CONFIG, DIFFUSION, folder,
            should_stop=lambda: next(taken) == steps,
        )  # fmt: skip
    return unet


def trained(folder, counts):
    """Train two steps with each of the numbers of processes; the last UNet."""
    for count in counts:
        with group(count, go_on, folder, 2):
            unet = go_on(folder, 2)
    return unet.state_dict()


@pytest.mark.slow
def test_processes_come_and_go_between_two_steps(tmp_path):
    straight = trained(tmp_path / "straight", [1, 1, 1])
    elastic = trained(tmp_path / "elastic", [2, 1, 3])
    untrained = tiny_unet().state_dict()
    for name, value in straight.items():
        moved = (value - untrained[name]).norm()
        # other processes add the same terms in another order
        assert (elastic[name] - value).norm() <= 1e-3 * moved + 1e-6, name
    assert rank_and_world() == (0, 1)


@pytest.mark.slow
def test_the_same_processes_end_with_the_same_bits(tmp_path):
    stopped = trained(tmp_path / "stopped", [2, 2, 2])
    with group(2, go_on, tmp_path / "straight", 100):
        straight = go_on(tmp_path / "straight", 100).state_dict()
    assert all(torch.equal(stopped[name], value) for name, value in straight.items())
