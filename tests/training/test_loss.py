"""Timesteps, targets and weights."""

import pytest
import torch

from unigs.config.preset import DiffusionConfig, TrainingConfig
from unigs.errors import ConfigError
from unigs.models.noise_schedule import build_scheduler
from unigs.tasks import TASKS
from unigs.training.loss import (
    add_noise,
    apply_zero_initial_noise,
    by_task,
    choose_timesteps,
    loss_weights,
    weighted_error,
)


def scheduler(kind: str, zero: bool = False):
    return build_scheduler(
        DiffusionConfig(
            scheduler={
                "prediction_type": kind,
                "rescale_betas_zero_snr": zero,
                "clip_sample": False,
            }
        )
    )


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_the_scheduler_recovers_the_clean_latents_from_a_perfect_prediction(kind):
    process = scheduler(kind)
    clean, noise = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    timesteps = torch.tensor([700, 700])
    noised, target = add_noise(process, clean, noise, timesteps)
    process.set_timesteps(10)
    found = process.step(target, torch.tensor(700), noised).pred_original_sample
    assert torch.allclose(found, clean, atol=1e-3)


def test_with_zero_terminal_snr_the_last_timestep_is_pure_noise():
    process = scheduler("v_prediction", zero=True)
    clean, noise = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    noised, target = add_noise(process, clean, noise, torch.tensor([999]))
    assert torch.allclose(noised, noise, atol=1e-5)
    assert torch.allclose(target, -clean, atol=1e-5)


def test_zero_terminal_snr_refuses_noise_prediction():
    with pytest.raises(ConfigError, match="v_prediction"):
        scheduler("epsilon", zero=True)


def test_an_argument_the_scheduler_does_not_have_is_named():
    with pytest.raises(ConfigError, match="no_such_argument"):
        build_scheduler(DiffusionConfig(scheduler={"no_such_argument": 1}))


def test_terminal_share_by_task():
    shares = by_task({"inpainting": 0.0, "synthesis": 0.25, "referring": 0.75, "entity": 1.0})
    task = torch.arange(4).repeat(4000)
    generator = torch.Generator().manual_seed(0)
    uniform = torch.randint(0, 1000, task.shape, generator=generator)
    chance = torch.rand(task.shape, generator=generator)
    drawn = choose_timesteps(task, shares, uniform, chance, 1000)
    for index, share in enumerate(shares):
        found = (drawn[task == index] == 999).float().mean()
        assert found == pytest.approx(float(share), abs=0.03)
    assert drawn.min() >= 0
    assert drawn[task == 0].float().mean() == pytest.approx(499.5, abs=15)


def test_weights_follow_table_2():
    task = torch.arange(4)
    valid, balance = torch.ones(4, 1, 2, 2), torch.ones(4, 1, 2, 2)
    valid[:, :, :, 0] = 0
    balance[:, :, 0] = 5
    config = TrainingConfig(known_half_weight=0.5, colormap_weight=2.0, entity_balance=True)
    image, colormap = loss_weights(task, valid, balance, config)
    new = [(row.new_image, row.new_colormap) for row in TASKS.values()]
    assert image[:, 0, -1, -1].tolist() == [1.0 if fresh else 0.5 for fresh, _ in new]
    assert image[:, 0, 0, 0].tolist() == [5.0 if fresh else 0.5 for fresh, _ in new]
    # Second column: labelled; first row: a small entity.
    assert colormap[:, 0, 1, 1].tolist() == [2.0 if fresh else 1.0 for _, fresh in new]
    assert (colormap[:, 0, 0, 1] / colormap[:, 0, 1, 1]).tolist() == [5.0] * 4
    assert not colormap[:, 0, :, 0].any()
    plain = loss_weights(task, valid, balance, TrainingConfig())[1]
    assert plain[0, 0].unique().tolist() == [0.0, 1.0]


def test_halves_count_alike():
    prediction, target = torch.zeros(1, 4, 2, 2), torch.zeros(1, 4, 2, 2)
    target[:, 2:] = 2.0
    ones, squares = torch.ones(1, 1, 2, 2), torch.zeros(1, dtype=torch.bool)
    assert weighted_error(prediction, target, (ones, ones), squares).tolist() == [2.0]
    assert weighted_error(prediction, target, (ones, 0 * ones), squares).tolist() == [0.0]


def test_charbonnier_predicts_the_likeliest_colour_and_squared_error_the_mean():
    """A place is of one colour in two thirds of the cases, of another in one third."""
    outcomes = torch.tensor([[0.0, 0.0], [0.0, 0.0], [3.0, 4.0]])
    target = torch.cat([torch.zeros_like(outcomes), outcomes], dim=1)[:, :, None, None]
    ones = torch.ones(3, 1, 1, 1)
    found = {}
    for median in (False, True):
        predicted = torch.full((4, 1, 1), 0.5, requires_grad=True)
        optimizer = torch.optim.Adam([predicted], lr=0.02)
        for _ in range(1500):
            optimizer.zero_grad()
            chosen = torch.full((3,), median)
            weighted_error(
                predicted.expand(3, 4, 1, 1), target, (ones, ones), chosen
            ).sum().backward()
            optimizer.step()
        found[median] = predicted[2:, 0, 0].detach()
    assert torch.allclose(found[False], torch.tensor([1.0, 4 / 3]), atol=0.02)
    assert found[True].norm() < 0.1


def test_lengths_count_only_where_asked():
    prediction = torch.zeros(2, 4, 1, 1)
    target = torch.full((2, 4, 1, 1), 3.0)
    ones = torch.ones(2, 1, 1, 1)
    error = weighted_error(prediction, target, (ones, ones), torch.tensor([True, False]))
    assert error[1] == 9.0
    assert error[0] == pytest.approx((9 + 3) / 2, abs=0.1)


def test_zero_initial_noise_tasks_start_without_noise_and_only_there():
    config = DiffusionConfig(
        scheduler={"rescale_betas_zero_snr": True, "prediction_type": "v_prediction"},
        zero_initial_noise=("referring", "entity"),
    )
    noise = torch.ones(8, 2, 1, 1)
    task = torch.arange(4).repeat(2)
    timesteps = torch.tensor([999] * 4 + [500] * 4)
    left = apply_zero_initial_noise(noise, task, timesteps, config, 1000)[:, 0, 0, 0]
    assert left.tolist() == [1, 1, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    "values",
    [
        {"scheduler": {"rescale_betas_zero_snr": True}, "zero_initial_noise": ["nothing"]},
        {"scheduler": {}, "zero_initial_noise": ["entity"]},
    ],
)
def test_zero_initial_noise_needs_a_task_and_zero_terminal_snr(values):
    with pytest.raises(ValueError, match="zero_initial_noise"):
        DiffusionConfig(**values)
