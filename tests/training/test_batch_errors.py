"""The error of a batch: which of its samples count by Charbonnier loss."""

import torch

from unigs.config.preset import TrainingConfig, load_preset
from unigs.models.noise_schedule import build_scheduler
from unigs.training.batch_errors import batch_errors


def silence(inputs, timesteps, text, class_labels):
    """A UNet that predicts zero in both halves of 2 channels."""
    return type("Output", (), {"sample": torch.zeros_like(inputs[:, :4])})


def errors(colormap_loss):
    preset = load_preset("tiny")
    scheduler = build_scheduler(preset.diffusion)
    last = scheduler.config["num_train_timesteps"] - 1
    latents = torch.full((2, 2, 4, 4), 3.0)
    one = torch.ones(2, 1, 4, 4)
    batch = {
        "image": latents, "colormap": latents, "control": latents, "coarse": one, "valid": one,
        "balance": one, "text": torch.zeros(2, 1, 1), "task": torch.tensor([3, 3]),
    }  # fmt: skip
    training = TrainingConfig(colormap_loss=colormap_loss, precision="fp32")
    return batch_errors(
        silence, scheduler, training, batch,
        torch.tensor([last, last // 2]), torch.zeros(2, 4, 4, 4), torch.device("cpu"),
    )  # fmt: skip


def test_only_the_last_timestep_counts_by_length():
    squares, lengths = errors("squared"), errors("charbonnier")
    assert squares[0] == 9.0
    assert 5.9 < lengths[0] < 6.0
    assert squares[1] == lengths[1] > 0
