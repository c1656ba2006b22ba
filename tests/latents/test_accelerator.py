"""Latents and batches on an accelerator; skipped where there is none."""

import numpy as np
import pytest
import torch

from tests.latents.conftest import OPTIONS
from tests.latents.test_stored import DIFFUSION, UNET
from tests.models.test_autoencoder import pictures, small_kl
from tests.support.data.made_scenes import CLASSES, made_scene
from unigs.config.preset import TrainingConfig
from unigs.io.device import fitting, free_memory, in_batches, this_device
from unigs.latents.build import build_latents
from unigs.latents.on_the_fly import PixelStore
from unigs.latents.stored import LatentStore
from unigs.latents.stream import MixedStream
from unigs.models.autoencoder import activation_bytes, decode_latents, encode_images
from unigs.models.text import build_text_encoder
from unigs.models.unet import build_unet
from unigs.shards.build import build_shards
from unigs.training.loop import train
from unigs.training.step_draws import prepare_step

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator"),
]


@pytest.fixture(scope="module")
def models():
    tokenizer, encoder = build_text_encoder(CLASSES, hidden_size=16, max_length=24)
    return small_kl().to(this_device()), encoder.to(this_device()), tokenizer


@pytest.fixture(scope="module")
def pixels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pixels")
    scenes = [made_scene(folder, number) for number in range(8)]
    build_shards(scenes, "inpainting", OPTIONS, folder / "shards", shards=4)
    return folder / "shards"


def test_latents_are_those_of_the_processor(pixels, models, tmp_path):
    build_latents(pixels, tmp_path / "here", *models, posterior=True)
    tokenizer, encoder = build_text_encoder(CLASSES, hidden_size=16, max_length=24)
    build_latents(pixels, tmp_path / "cpu", small_kl(), encoder, tokenizer, posterior=True)
    here, cpu = (LatentStore(tmp_path / name).batch([0, 1, 2]) for name in ("here", "cpu"))
    for part, values in cpu.items():
        np.testing.assert_allclose(here[part], values, atol=3e-2, rtol=3e-2)


def test_batches_are_page_locked_and_prepared_ahead(pixels, models, tmp_path):
    store = PixelStore(pixels, *models)
    config = TrainingConfig(steps=4, batch_size=4, warmup_steps=1, precision="fp32")
    stream = MixedStream({"inpainting": store}, batch_size=4)
    batch, drawn = prepare_step(stream, config, DIFFUSION, 50, 0, this_device())
    assert all(value.is_pinned() for value in batch.values())
    assert drawn.noise.is_pinned()
    logged = {}
    torch.manual_seed(0)
    unet = build_unet(UNET, latent_channels=4).to(this_device())
    report = train(
        unet, stream, config, DIFFUSION, tmp_path,
        log=lambda step, metrics: logged.update(metrics),
    )  # fmt: skip
    assert np.isfinite(report.loss)
    assert 0 <= logged["loader_share"] < 1


def test_a_batch_fits_the_memory_by_its_formula():
    model, device = small_kl().to(this_device()), this_device()
    images = np.repeat(pictures(1, 256), 64, axis=0)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    latents = encode_images(model, images, batch_size=16)
    decode_latents(model, latents, batch_size=16)
    most = torch.cuda.max_memory_allocated() - before
    # Within the half of the free memory that is left for what the formula does not know of.
    assert most < 2 * 16 * activation_bytes(model, 256, 256)
    assert fitting(activation_bytes(model, 256, 256), device) > 64


def test_real_lack_of_memory_halves():
    device = this_device()
    each = free_memory(device) // 3

    def compute(values):
        return torch.empty(len(values), each, dtype=torch.uint8, device=device)[:, :1].cpu()

    done = in_batches(list(range(8)), 8, compute, "blocks")
    assert sum(len(part) for part in done) == 8
    assert max(len(part) for part in done) <= 2
