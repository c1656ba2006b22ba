"""What a pipeline starts from: seeds, given latents, zero noise, the known half."""

import numpy as np
import pytest
import torch

from tests.support.models.tiny_pipeline import CHANNELS, arguments, pictures, seeded, tiny_pipeline
from unigs.tasks import TASKS


@pytest.mark.parametrize("task", ["inpainting", "entity"])
def test_a_prediction_depends_on_its_own_seed_alone(pipeline, task):
    both = pipeline(**arguments(task) | {"output_type": "latent"})
    second = arguments(task) | {"image": pictures()[1], "generator": seeded(2)}
    alone = pipeline(**second, output_type="latent")
    assert torch.allclose(both.images[1], alone.images[0], atol=1e-4)
    assert torch.allclose(both.colormaps[1], alone.colormaps[0], atol=1e-4)
    other = pipeline(**second | {"generator": seeded(3)}, output_type="latent")
    assert not torch.allclose(alone.images, other.images, atol=1e-2)


def test_latents_stand_in_for_the_generator(pipeline):
    given = arguments("referring") | {"output_type": "latent"}
    noise = torch.stack([torch.randn(2 * CHANNELS, 8, 8, generator=one) for one in seeded(1, 2)])
    by_hand = pipeline(**given | {"generator": None, "latents": noise})
    assert torch.equal(by_hand.images, pipeline(**given).images)


def latents_by_seed(components, task, steps):
    """Both halves of the output of a model with zero initial noise, for two seeds."""
    noiseless = tiny_pipeline(components, zero_initial_noise=list(TASKS))
    given = arguments(task) | {"num_inference_steps": steps, "output_type": "latent"}
    predictions = [noiseless(**given | {"generator": seeded(seed, seed + 1)}) for seed in (1, 5)]
    return [torch.cat([prediction.images, prediction.colormaps]) for prediction in predictions]


@pytest.mark.parametrize("task", TASKS)
def test_the_first_step_of_a_zero_initial_noise_task_has_no_noise(components, task):
    assert torch.equal(*latents_by_seed(components, task, 1))


@pytest.mark.parametrize("task", TASKS)
def test_only_new_images_of_zero_initial_noise_tasks_differ_by_seed_in_later_steps(
    components, task
):
    assert torch.equal(*latents_by_seed(components, task, 2)) == (not TASKS[task].new_image)


@pytest.mark.parametrize(("task", "half"), [("referring", "images"), ("synthesis", "colormaps")])
def test_clamping_returns_the_known_half(pipeline, task, half):
    given = arguments(task) | {"output_type": "np", "num_inference_steps": 3}
    clamped = getattr(pipeline(**given, clamp_known=True), half)
    free = getattr(pipeline(**given), half)
    known = np.stack(pictures())
    assert np.abs(clamped.astype(int) - known).max() <= 2
    assert np.abs(free.astype(int) - known).max() > 20


def test_the_known_half_is_noised_to_the_level_of_each_step(pipeline, monkeypatch):
    seen = []
    noise = torch.randn(1, 2 * CHANNELS, 8, 8, generator=seeded(5)[0])
    given = arguments("referring") | {"image": pictures(1), "generator": None}

    def watch(module, positional, keywords):
        seen.append((int(positional[1]), positional[0]))

    handle = pipeline.unet.register_forward_pre_hook(watch, with_kwargs=True)
    pipeline(**given, latents=noise, num_inference_steps=4, clamp_known=True)
    handle.remove()
    assert [t for t, _ in seen] == [999, 749, 499, 249]
    for timestep, inputs in seen:
        alpha = pipeline.scheduler.alphas_cumprod[timestep]
        control = inputs[:, 2 * CHANNELS + 1 :]
        expected = alpha.sqrt() * control + (1 - alpha).sqrt() * noise[:, :CHANNELS]
        assert torch.allclose(inputs[:, :CHANNELS], expected, atol=1e-4)
