"""The weights of the best validation are kept, through interruptions too, and end a run early."""

import math

import pytest
import torch
from pydantic import ValidationError

from tests.support.models.tiny_stream import RandomStream, tiny_unet
from tests.training.test_loop import DIFFUSION, training
from unigs.training import loop
from unigs.training.checkpoint import load_checkpoint
from unigs.training.loop import Interrupted, train
from unigs.training.validation import expected_loss

# By validation: the second is the best.
LOSSES = [3.0, 1.0, 2.0, 2.0, 2.0]
EVERY = {"validate_every": 1, "keep_best": True}


@pytest.fixture
def told(monkeypatch):
    """Validations whose losses are given by the step that they are of."""

    def losses(*_):
        return {"validation_loss": LOSSES[steps[-1] - 1]}

    steps: list[int] = []
    validate = loop._Run._validate

    def of_step(run, step, validation):
        steps.append(step)
        return validate(run, step, validation)

    monkeypatch.setattr(loop, "validation_losses", losses)
    monkeypatch.setattr(loop._Run, "_validate", of_step)
    return steps


def learn(folder, seed=0, steps=5, **options):
    unet = tiny_unet(seed)
    changes = {name: options.pop(name) for name in list(options) if name in EVERY | {"patience": 0}}
    report = train(
        unet, RandomStream(), training(steps=steps, **changes), DIFFUSION, folder,
        validation=RandomStream(8), **options,
    )  # fmt: skip
    return unet.state_dict(), report


def equal(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_the_best_weights_stay(tmp_path, told):
    best, report = learn(tmp_path / "best", **EVERY)
    last, plain = learn(tmp_path / "last", validate_every=1)
    assert (report.steps, report.best_step, plain.best_step) == (5, 2, 0)
    assert not equal(best, last)
    with pytest.raises(Interrupted):
        learn(tmp_path / "two", should_stop=lambda: told[-1] == 2, **EVERY)
    checkpoint = load_checkpoint(tmp_path / "two" / "checkpoints")
    shadow = [checkpoint.tensors["ema"][str(i)] for i in range(len(checkpoint.tensors["ema"]))]
    names = [name for name, _ in tiny_unet().named_parameters()]
    assert all(torch.equal(best[name], value) for name, value in zip(names, shadow, strict=True))


@pytest.mark.parametrize("stop_after", [1, 2, 4])
def test_an_interrupted_run_keeps_the_same_weights(tmp_path, told, stop_after):
    whole, _ = learn(tmp_path / "whole", **EVERY)
    with pytest.raises(Interrupted):
        learn(tmp_path / "run", should_stop=lambda: told[-1] == stop_after, **EVERY)
    again, report = learn(tmp_path / "run", seed=1, **EVERY)
    assert report.resumed_from == stop_after
    assert report.best_step == 2
    assert equal(whole, again)


def test_patience_ends_a_run(tmp_path, told):
    whole, _ = learn(tmp_path / "whole", **EVERY)
    early, report = learn(tmp_path / "early", patience=2, **EVERY)
    assert (report.steps, report.best_step) == (4, 2)
    assert report.samples == 16
    assert equal(whole, early)


def test_patience_without_keeping_and_shards_are_refused():
    with pytest.raises(ValidationError, match="needs keep_best"):
        training(patience=2)
    with pytest.raises(ValidationError, match=r"training\.keep_best"):
        training(keep_best=True, parallel="fsdp")


def test_the_expected_loss_follows_ratios_and_terminal_shares():
    means = {("entity", 0.25): 1.0, ("entity", 0.6): 3.0, ("entity", 1.0): 10.0}
    means |= {("synthesis", level): 4.0 for level in (0.25, 0.6, 1.0)}
    ratios = {"inpainting": 0.1, "synthesis": 0.1, "referring": 0.5, "entity": 0.3}
    diffusion = DIFFUSION.model_copy(
        update={"terminal_share": {**dict.fromkeys(ratios, 0.0), "entity": 0.5}}
    )
    found = expected_loss(means, training(ratios=ratios), diffusion)
    assert math.isclose(found, (0.3 * 6.0 + 0.1 * 4.0) / 0.4)
