"""The loss that several processes log is that of the whole batch."""

import pytest

from tests.support.models.tiny_stream import RandomStream, tiny_unet
from unigs.config.preset import TrainingConfig
from unigs.io.distributed import group
from unigs.training.loop import train

from tests.training.test_loop import DIFFUSION  # isort: skip

CONFIG = TrainingConfig(steps=4, batch_size=4, warmup_steps=1, precision="fp32", checkpoint_every=3)


def learn(folder):
    logged = {}
    log = logged.setdefault
    report = train(tiny_unet(), RandomStream(), CONFIG, DIFFUSION, folder, log=log)
    return logged, report.loss


def test_two_processes_log_the_loss_of_the_whole_batch(tmp_path):
    alone, last = learn(tmp_path / "one")
    with group(2, learn, tmp_path / "two"):
        together, last_together = learn(tmp_path / "two")
    assert list(together) == list(alone) == [2, 4]
    assert last_together == pytest.approx(last, rel=1e-3)
    for step, metrics in alone.items():
        losses = {name: value for name, value in metrics.items() if name.startswith("loss")}
        assert len(losses) > 1
        found = {name: together[step][name] for name in losses}
        assert found == pytest.approx(losses, rel=1e-3)
