"""Sharded processes learn what one learns, hold a share each, and resume to the bit, in any
number of processes."""

import pytest
import torch
from safetensors.torch import load_file
from torch.distributed.fsdp import FSDPModule

from tests.support.models.tiny_stream import RandomStream, tiny_unet
from unigs.config.preset import TrainingConfig, load_preset
from unigs.errors import ConfigError
from unigs.io.distributed import group, rank_and_world
from unigs.training import fsdp
from unigs.training.fsdp import SHARDS_ON_CPU, sharded, spread_like, whole_in_first
from unigs.training.loop import Interrupted, train

from tests.training.test_loop import DIFFUSION  # isort: skip

CONFIG = TrainingConfig(
    steps=4, batch_size=8, warmup_steps=1, precision="fp32", ema_decay=0.5, accumulation=2,
    parallel="fsdp", checkpoint_every=1, validate_every=2,
)  # fmt: skip


def learn(folder, stop_after=0, seed=0, logged=None, **changes):
    unet, done, held_out = tiny_unet(seed), [], RandomStream(8)
    # Every process validates on all of it.
    held_out.rank, held_out.world = 0, 1
    train(
        unet, RandomStream(8), CONFIG.model_copy(update=changes), DIFFUSION, folder,
        validation=held_out, should_stop=lambda: done.append(1) or len(done) == stop_after,
        log=lambda step, metrics: None if logged is None else logged.update(metrics),
    )  # fmt: skip
    return unet.state_dict()


def all_of_it(folder):
    """What both processes do; the results are process 0's."""
    logged = {}
    whole = learn(folder / "whole", logged=logged, gradient_checkpointing=True)
    with pytest.raises(Interrupted):
        learn(folder / "cut", stop_after=2, gradient_checkpointing=True)
    again = learn(folder / "cut", seed=1, gradient_checkpointing=True)
    watched = learn(folder / "watched", validate_every=1, checkpoint_every=4)
    halves = [learn(folder / kind, precision=kind) for kind in ("bf16", "fp16")]

    given = tiny_unet()
    total = sum(p.numel() for p in given.parameters())
    spread = sharded(given)
    held = sum(p.to_local().numel() for p in spread.parameters())
    assert 0.4 * total < held < 0.6 * total
    assert isinstance(spread.mid_block.resnets[0], FSDPModule)
    assert all(p.is_meta for p in given.parameters())
    weights = whole_in_first(spread.state_dict())
    assert bool(weights) == (rank_and_world()[0] == 0)
    share = next(spread.parameters())
    back = spread_like(share.full_tensor().detach(), share)
    assert torch.equal(back.to_local(), share.to_local())
    return whole, again, halves, logged, weights, watched


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    if not SHARDS_ON_CPU:
        pytest.skip(f"FSDP2 of torch {torch.__version__} needs an accelerator")
    folder = tmp_path_factory.mktemp("sharded")
    with group(2, all_of_it, folder):
        found = all_of_it(folder)
    return folder, *found


def close(found, wanted, tolerance=1e-3):
    untrained = tiny_unet().state_dict()
    return all(
        (found[name] - value).norm() <= tolerance * (value - untrained[name]).norm() + 1e-6
        for name, value in wanted.items()
    )


def test_shards_learn_what_one_process_learns(outcome, tmp_path):
    _, whole, _, halves, logged, weights, _ = outcome
    alone_logged = {}
    alone = learn(tmp_path, logged=alone_logged)
    assert close(whole, alone)
    for half in halves:
        assert close(half, alone, tolerance=0.5)
        assert not close(half, alone, tolerance=1e-6)
    name = "validation_loss.entity.t100"
    assert logged[name] == pytest.approx(alone_logged[name], rel=1e-3)
    assert all(torch.equal(weights[n], value) for n, value in tiny_unet().state_dict().items())


def test_shards_have_the_gradient_of_one_process(outcome, tmp_path):
    folder, *_ = outcome
    learn(tmp_path, checkpoints_kept=9)
    file = "checkpoints/step-00000003/optimizer.safetensors"
    one, two = (load_file(place / file) for place in (tmp_path, folder / "whole"))
    assert set(one) == set(two)
    names = [name for name in one if name.endswith(".exp_avg")]
    one, two = (torch.cat([kept[name].flatten() for name in names]) for kept in (one, two))
    assert (two - one).norm() <= 1e-4 * one.norm()


def test_a_validation_leaves_no_averages_in_the_shards(outcome, tmp_path):
    *_, watched = outcome
    assert close(watched, learn(tmp_path))


def test_an_interrupted_sharded_run_ends_with_the_same_bits(outcome):
    _, whole, again, *_ = outcome
    assert all(torch.equal(again[name], value) for name, value in whole.items())


def test_a_checkpoint_of_shards_serves_one_process(outcome, tmp_path):
    folder, whole, *_ = outcome
    (tmp_path / "checkpoints").mkdir()
    (folder / "whole" / "checkpoints" / "step-00000003").rename(
        tmp_path / "checkpoints" / "step-00000003"
    )
    assert close(learn(tmp_path, seed=1, parallel="ddp"), whole)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "optimizer muon"),
        ({"training.optimizer": "adamw", "training.lora_rank": 4}, r"training\.lora_rank"),
        ({"training.optimizer": "adamw", "training.compile": True}, r"training\.compile"),
    ],
)
def test_what_does_not_go_with_shards_is_named(changes, named):
    with pytest.raises(ConfigError, match=f"parallel fsdp does not go with .*{named}"):
        load_preset("tiny", {"training.parallel": "fsdp", **changes})
    adamw = {"training.parallel": "fsdp", "training.optimizer": "adamw"}
    assert load_preset("tiny", adamw).training.parallel == "fsdp"


def test_a_torch_that_cannot_is_told(monkeypatch):
    monkeypatch.setattr(fsdp, "SHARDS_ON_CPU", False)
    with pytest.raises(ConfigError, match="cannot do it on the CPU"):
        sharded(tiny_unet())
