"""Latents drawn from the posterior: stored once as mean and deviation, drawn anew at every use."""

import hashlib

import numpy as np
import pytest
import torch

from tests.latents.conftest import OPTIONS
from tests.latents.test_stored import DIFFUSION, UNET
from tests.models.test_autoencoder import small_kl
from tests.support.data.made_scenes import CLASSES, made_scene
from unigs.config.preset import TrainingConfig
from unigs.latents.build import build_latents, latents_are_current
from unigs.latents.on_the_fly import PixelStore
from unigs.latents.posterior import draw_latents
from unigs.latents.stored import DEVIATIONS, LatentStore
from unigs.latents.stream import MixedStream
from unigs.models.autoencoder import encode_posterior
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.models.text import build_text_encoder
from unigs.models.unet import build_unet
from unigs.shards.build import build_shards
from unigs.shards.read import read_samples
from unigs.tasks import TASKS
from unigs.training.loop import train


@pytest.fixture(scope="module")
def models():
    tokenizer, encoder = build_text_encoder(CLASSES, hidden_size=16, max_length=24)
    autoencoder = small_kl()
    # A random one is nearly sure of its latents; a trained one's deviation is seen in the draws.
    autoencoder.quant_conv.bias.data[4:] = -2.0
    return autoencoder, encoder, tokenizer


@pytest.fixture(scope="module")
def pixels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pixels")
    scenes = [made_scene(folder, number) for number in range(6)]
    for task in TASKS:
        build_shards(scenes, task, OPTIONS, folder / task, shards=2)
    return folder


@pytest.fixture(scope="module")
def latents(pixels, models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("latents")
    for task in TASKS:
        build_latents(pixels / task, folder / task, *models, posterior=True)
    return folder


@pytest.mark.parametrize("task", TASKS)
def test_mean_and_deviation_are_those_of_the_posterior(pixels, latents, models, task):
    store = LatentStore(latents / task)
    live = PixelStore(pixels / task, *models, posterior=True)
    samples = list(read_samples(pixels / task))
    indices = [3, 0, len(samples) - 1]
    batch, encoded = store.batch(indices), live.batch(indices)
    assert set(batch) == set(encoded) >= set(DEVIATIONS)
    images = np.stack([samples[index].image for index in indices])
    mean, deviation = encode_posterior(models[0], images)
    np.testing.assert_allclose(batch["image"], mean, atol=2e-2, rtol=2e-2)
    np.testing.assert_allclose(batch["image_deviation"], deviation, atol=2e-2, rtol=2e-2)
    for part in batch:
        np.testing.assert_allclose(encoded[part], batch[part], atol=2e-2, rtol=2e-2)
    if TASKS[task].control != "masked_image":
        for end in ("", "_deviation"):
            np.testing.assert_array_equal(batch["control" + end], batch[TASKS[task].control + end])


def test_a_draw_depends_on_seed_and_position_alone(latents):
    stores = {task: LatentStore(latents / task) for task in TASKS}
    whole = MixedStream(stores, batch_size=10, seed=3)
    step = whole.batch(7)
    assert not set(step) & set(DEVIATIONS)
    again = MixedStream(stores, batch_size=10, seed=3).batch(7)
    ranks = [MixedStream(stores, batch_size=10, seed=3, rank=r, world=2) for r in range(2)]
    for part in ("image", "colormap", "control"):
        assert torch.equal(step[part], again[part])
        parts = torch.cat([stream.batch(7)[part] for stream in ranks])
        assert torch.equal(step[part], parts)
    # The same sample at two places of the stream.
    other = MixedStream({"entity": stores["entity"]}, batch_size=len(stores["entity"]), seed=3)
    order = [np.argsort([index for _, index in other.draws(epoch)]) for epoch in range(2)]
    first, second = (other.batch(epoch)["image"][order[epoch]] for epoch in range(2))
    assert (first - second).abs().amax(dim=(1, 2, 3)).min() > 0.1


def test_draws_have_the_mean_and_deviation_that_were_given():
    rows = 400
    mean = np.full((rows, 4, 8, 8), 3.0, np.float32)
    deviation = np.full((rows, 4, 8, 8), 0.5, np.float32)
    tasks = ["referring", "inpainting"] * (rows // 2)
    batch = {part: mean.copy() for part in ("image", "colormap", "control")}
    batch |= {name: deviation.copy() for name in DEVIATIONS}
    draw_latents(batch, tasks, 0, range(rows))
    for part in ("image", "colormap", "control"):
        assert batch[part].mean() == pytest.approx(3.0, abs=0.01)
        assert batch[part].std() == pytest.approx(0.5, abs=0.01)
    # A control that repeats the image repeats its draw; the others are independent.
    np.testing.assert_array_equal(batch["control"][::2], batch["image"][::2])
    correlation = np.corrcoef(batch["control"][1::2].ravel(), batch["image"][1::2].ravel())[0, 1]
    assert abs(correlation) < 0.02
    assert len({hashlib.sha256(row.tobytes()).digest() for row in batch["image"]}) == rows


def test_refined_colormaps_are_points(pixels, models, tmp_path):
    for task in ("synthesis", "inpainting"):
        build_latents(pixels / task, tmp_path / task, *models, 1, posterior=True)
    alone = LatentStore(tmp_path / "synthesis").batch([0])
    assert {"image_deviation"} == set(alone) & set(DEVIATIONS)
    both = {task: LatentStore(tmp_path / task) for task in ("synthesis", "inpainting")}
    batch = MixedStream(both, batch_size=8).batch(0)
    mean = {task: store.batch(range(len(store))) for task, store in both.items()}
    for row, (task, index) in enumerate(MixedStream(both, batch_size=8).draws(0)):
        np.testing.assert_array_equal(batch["colormap"][row], mean[task]["colormap"][index])
        moved = np.abs(batch["control"][row].numpy() - mean[task]["control"][index]).max()
        assert (moved > 0) == (task == "inpainting")


def test_training_loses_the_same_from_stored_posteriors_and_on_the_fly(
    pixels, latents, models, tmp_path
):
    config = TrainingConfig(
        steps=6, batch_size=10, learning_rate=1e-3, warmup_steps=1, precision="fp32"
    )

    def loss(stores, name):
        torch.manual_seed(0)
        unet = build_unet(UNET, latent_channels=4)
        stream = MixedStream(stores, batch_size=10, seed=0)
        return train(unet, stream, config, DIFFUSION, tmp_path / name).loss

    held = loss({task: LatentStore(latents / task) for task in TASKS}, "held")
    live = loss(
        {task: PixelStore(pixels / task, *models, posterior=True) for task in TASKS}, "live"
    )
    assert live == pytest.approx(held, rel=2**-8)


def test_the_switch_is_an_input(pixels, latents, models):
    folder = latents / "entity"
    assert latents_are_current(folder, pixels / "entity", *models, posterior=True)
    assert not latents_are_current(folder, pixels / "entity", *models)


def test_without_a_posterior_latents_are_what_they_are(pixels, models, tmp_path):
    linear = PatchAutoencoder(4, 8)
    for posterior in (False, True):
        folder = tmp_path / str(posterior)
        build_latents(pixels / "entity", folder, linear, *models[1:], posterior=posterior)
    plain, switched = (
        MixedStream({"entity": LatentStore(tmp_path / name)}, batch_size=6).batch(0)
        for name in ("False", "True")
    )
    assert plain.keys() == switched.keys()
    for part, values in plain.items():
        assert torch.equal(switched[part], values)
