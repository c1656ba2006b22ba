"""Fine-tuning on the decoded colormap: what counts, that gradients pass the autoencoder, and
that the pixels become right."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL

from tests.support.tiny_stream import CHANNELS, SIDE, RandomStream, tiny_unet
from tests.training.test_loop import DIFFUSION, training
from unigs.config.preset import load_preset
from unigs.errors import ConfigError
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.tasks import SEGMENTATION, TASKS
from unigs.training.batch_errors import batch_errors
from unigs.training.end_to_end import EndToEnd, counts_by_pixels, pixel_errors
from unigs.training.loop import Interrupted, train
from unigs.training.loss import build_scheduler, clean_estimate

QUIET = DIFFUSION.model_copy(update={"zero_initial_noise": tuple(TASKS)})
SCHEDULER = build_scheduler(QUIET)
LAST = 49


def patches(energy=1.0):
    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    return PatchAutoencoder.fit(images, 2, CHANNELS, energy).requires_grad_(False)


def convolutions():
    torch.manual_seed(0)
    return (
        AutoencoderKL(
            block_out_channels=(4, 4),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=CHANNELS,
            norm_num_groups=2,
        )
        .eval()
        .requires_grad_(False)
    )


class Copied(RandomStream):
    """One batch, whose colormap is what the control latents show."""

    def batch(self, step):
        batch = super().batch(0)
        return batch | {"colormap": batch["control"]}


def test_the_segmentation_tasks_count_by_pixels_at_the_last_timestep_alone():
    assert SEGMENTATION == ("referring", "entity")
    task = torch.arange(4).repeat(2)
    last = torch.tensor([True] * 4 + [False] * 4)
    assert counts_by_pixels(task, last).tolist() == [False, False, True, True] + [False] * 4


@pytest.mark.parametrize("kind", ["v_prediction", "sample"])
def test_one_step_is_what_the_scheduler_makes_of_it(kind):
    scheduler = build_scheduler(
        QUIET.model_copy(update={"scheduler": QUIET.scheduler | {"prediction_type": kind}})
    )
    scheduler.set_timesteps(5)
    prediction, noised = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    for timestep in (LAST, 20):
        found = clean_estimate(scheduler, prediction, noised, torch.tensor([timestep] * 2))
        wanted = scheduler.step(prediction, torch.tensor(timestep), noised).pred_original_sample
        assert torch.allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("make", [patches, convolutions])
@pytest.mark.parametrize("median", [True, False])
def test_gradients_pass_the_frozen_autoencoder(make, median):
    autoencoder = make()
    clean = torch.randn(2, CHANNELS, SIDE, SIDE)
    prediction = torch.randn(2, CHANNELS, SIDE, SIDE, requires_grad=True)
    timesteps, weight = torch.tensor([LAST] * 2), torch.ones(2, 1, SIDE, SIDE)
    weight[1] = 0

    def errors(prediction):
        nothing = torch.zeros_like(clean)
        return pixel_errors(
            prediction, nothing, clean, timesteps, weight, median, SCHEDULER, autoencoder
        )

    found = errors(prediction)
    assert found[0] > 0
    assert found[1] == 0
    found.sum().backward()
    assert prediction.grad[0].abs().min() > 0
    assert not prediction.grad[1].any()
    assert all(parameter.grad is None for parameter in autoencoder.parameters())
    # At the last timestep the velocity is the clean latent, turned round.
    assert errors(-clean)[0] < 1e-9


def test_squares_of_a_linear_autoencoder_with_natural_energy_are_those_of_the_latents():
    """So that there only lengths make the phase another loss (docs/training.md)."""
    autoencoder = patches()
    clean, prediction = torch.randn(4, CHANNELS, SIDE, SIDE), torch.randn(4, CHANNELS, SIDE, SIDE)
    pixels = pixel_errors(
        prediction, torch.zeros_like(clean), clean, torch.tensor([LAST] * 4),
        torch.ones(4, 1, SIDE, SIDE), False, SCHEDULER, autoencoder,
    )  # fmt: skip
    latents = (prediction + clean).square().mean(dim=(1, 2, 3))
    ratio = pixels / latents
    assert torch.allclose(ratio, ratio[0].expand(4), rtol=1e-4)


def error_by_task(unet, autoencoder):
    batch = Copied(8).batch(0)
    noise = torch.zeros(8, 2 * CHANNELS, SIDE, SIDE)
    timesteps = torch.full((8,), LAST)
    with torch.no_grad():
        errors = batch_errors(
            unet, SCHEDULER, training(known_half_weight=0.0), batch, timesteps, noise,
            torch.device("cpu"), autoencoder,
        )  # fmt: skip
    return {name: float(errors[batch["task"] == i].mean()) for i, name in enumerate(TASKS)}


def test_the_other_tasks_count_as_before():
    with_pixels, without = (error_by_task(tiny_unet(), a) for a in (patches(0.5), None))
    for name in TASKS:
        assert (with_pixels[name] == without[name]) == (name not in SEGMENTATION)


@pytest.mark.parametrize("make", [patches, convolutions])
def test_the_phase_lowers_the_error_of_the_pixels(tmp_path, make):
    autoencoder, unet = make(), tiny_unet()
    before = error_by_task(unet, autoencoder)
    changes = {"end_to_end": 1.0, "steps": 40, "learning_rate": 1e-2, "checkpoint_every": 40}
    train(
        unet, Copied(8), training(batch_size=8, ema_decay=0.0, **changes), QUIET, tmp_path,
        autoencoder=autoencoder,
    )  # fmt: skip
    after = error_by_task(unet, autoencoder)
    assert all(after[name] < 0.6 * before[name] for name in SEGMENTATION)


def test_the_phase_is_the_end_of_the_run_and_takes_its_first_step_at_the_last_timestep():
    phase = EndToEnd(training(end_to_end=0.3), QUIET, 10, patches(), torch.device("cpu"))
    assert [phase.at(step)[1] is not None for step in range(10)] == [False] * 7 + [True] * 3
    assert phase.at(0)[0] == QUIET
    shares = phase.at(9)[0].terminal_share
    assert shares == QUIET.terminal_share | dict.fromkeys(SEGMENTATION, 1.0)


def test_a_run_stopped_within_the_phase_ends_with_the_same_bits(tmp_path):
    config = training(end_to_end=0.5)
    given = {"autoencoder": patches(0.5)}
    whole, again, plain = tiny_unet(), tiny_unet(seed=1), tiny_unet()
    train(whole, RandomStream(), config, QUIET, tmp_path / "whole", **given)
    done = []
    with pytest.raises(Interrupted):
        train(
            tiny_unet(), RandomStream(), config, QUIET, tmp_path / "cut", **given,
            should_stop=lambda: done.append(1) or len(done) == 4,
        )  # fmt: skip
    train(again, RandomStream(), config, QUIET, tmp_path / "cut", **given)
    assert all(torch.equal(again.state_dict()[n], v) for n, v in whole.state_dict().items())
    train(plain, RandomStream(), training(), QUIET, tmp_path / "plain")
    assert not torch.equal(plain.conv_out.weight, whole.conv_out.weight)


def test_what_it_needs_is_named(tmp_path):
    with pytest.raises(ConfigError, match="got no autoencoder"):
        train(tiny_unet(), RandomStream(), training(end_to_end=0.5), QUIET, tmp_path)
    given = {"training.end_to_end": 0.2, "diffusion.zero_initial_noise": ["entity"]}
    with pytest.raises(ConfigError, match=r"end_to_end needs \['referring'\] in diffusion.quiet"):
        load_preset("tiny", given)
    assert load_preset("tiny", {"training.end_to_end": 0.2}).training.end_to_end == 0.2
