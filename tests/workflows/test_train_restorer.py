"""Training the restorer: resuming, and that it learns."""

import pytest
import torch

from unigs.colormap.distortion import add_blur
from unigs.workflows import train_restorer as training
from unigs.workflows.train_restorer import STATE, draw_batch, draw_example, train


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    return [draw_example(number, [add_blur(2.0)], folder) for number in range(4)]


def test_an_example_is_made_once(tmp_path):
    first = draw_example(3, [add_blur(2.0)], tmp_path)
    assert (first.clean != first.returned).any()

    def refuse(colormap, rng):
        raise AssertionError("already there")

    for one, other in zip(first, draw_example(3, [refuse], tmp_path), strict=True):
        assert (one == other).all()


def test_a_batch_is_its_steps_and_pairs_fit(examples):
    inputs, targets, weights = draw_batch(examples, 5)
    assert inputs.shape == targets.shape == (8, 3, 128, 128)
    assert weights.shape == (8, 128, 128)
    for one, other in zip((inputs, targets, weights), draw_batch(examples, 5), strict=True):
        assert (one == other).all()
    assert (draw_batch(examples, 6)[0] != inputs).any()
    assert (inputs - targets).abs().mean() < 0.1


def test_training_learns_one_batch(examples, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CROP", 48)
    batch = draw_batch(examples, 0)
    monkeypatch.setattr(training, "draw_batch", lambda examples, step: batch)

    def error(restorer):
        inputs, targets, weights = batch
        return training.loss(restorer(inputs), targets, weights).item()

    assert error(train(examples, 50, tmp_path)) < 0.92 * error(lambda damaged: damaged)


def test_training_goes_on_where_it_was_interrupted(examples, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CROP", 32)
    monkeypatch.setattr(training, "SAVED_EVERY", 5)
    whole = train(examples, 20, tmp_path / "whole")
    batches = training.draw_batch

    def interrupted(examples, step):
        if step == 13:
            raise KeyboardInterrupt
        return batches(examples, step)

    monkeypatch.setattr(training, "draw_batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(examples, 20, tmp_path / "broken")
    seen = []
    monkeypatch.setattr(
        training, "draw_batch", lambda examples, step: seen.append(step) or batches(examples, step)
    )
    resumed = train(examples, 20, tmp_path / "broken")
    assert seen == list(range(10, 20))
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(ValueError, match=f"{STATE}: of a training of 20 steps, not of 7"):
        train(examples, 7, tmp_path / "broken")
