"""Latents of colormaps: what refining them gains, and that it can never lose."""

import copy

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL

from unigs.colormap import Palette, decode
from unigs.metrics.matching import overlap
from unigs.models import colormap_latents
from unigs.models.autoencoder import decode_latents, encode_images, load_autoencoder
from unigs.models.colormap_latents import encode_colormaps
from unigs.models.patch_autoencoder import PatchAutoencoder

SIDE = 64


def scene(number: int = 0, side: int = SIDE) -> np.ndarray:
    """Ground, a large entity and three of about a latent pixel of TAESD, (side, side)."""
    rng = np.random.default_rng(number)
    segments = np.ones((side, side), np.int32)
    segments[: side // 2, side // 3 :] = 2
    for label in (3, 4, 5):
        y, x = rng.integers(0, side - 9, 2)
        segments[y : y + 9, x : x + 8] = label
    return segments


def colormaps(count: int, side: int = SIDE) -> np.ndarray:
    return np.stack([Palette(11).encode(scene(number, side)) for number in range(count)])


@pytest.fixture(scope="module")
def random_kl():
    torch.manual_seed(0)
    model = AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
        scaling_factor=0.5,
        shift_factor=0.25,
    )
    return model.eval().requires_grad_(False)


def squared_error(autoencoder, latents, wanted) -> np.ndarray:
    """Mean over the pixels of each colormap."""
    got = decode_latents(autoencoder, latents).astype(np.float64)
    return ((got - wanted) ** 2).mean(axis=(1, 2, 3))


def test_no_steps_are_the_encoder(random_kl):
    maps = colormaps(2)
    assert torch.equal(encode_colormaps(random_kl, maps), encode_images(random_kl, maps))


def test_small_entities_come_back_through_a_real_autoencoder(test_weights):
    taesd = load_autoencoder(test_weights / "taesd")
    palette, found = Palette(11), []
    maps = colormaps(4)
    for steps in (0, 8):
        latents = encode_colormaps(taesd, maps, steps)
        read = [decode(one, palette=palette).segments for one in decode_latents(taesd, latents)]
        ious = [overlap(scene(i), segments).iou[2:].max(axis=1) for i, segments in enumerate(read)]
        found.append((float(np.mean(ious)), squared_error(taesd, latents, maps)))
    (before, error), (after, less) = found
    assert after > before + 0.1
    assert less.sum() < 0.6 * error.sum()
    assert not any(parameter.requires_grad for parameter in taesd.parameters())


def test_refining_improves_what_an_untrained_autoencoder_paints(random_kl):
    maps = colormaps(2)
    plain, refined = (
        squared_error(random_kl, encode_colormaps(random_kl, maps, steps), maps)
        for steps in (0, 10)
    )
    assert (refined < 0.9 * plain).all()


def test_steps_that_only_lead_astray_are_not_taken(monkeypatch):
    maps = colormaps(2)
    linear = PatchAutoencoder.fit(maps, 4, 4)
    monkeypatch.setattr(colormap_latents, "RATE", 1e6)
    assert torch.equal(encode_colormaps(linear, maps, 3), encode_images(linear, maps))


@pytest.mark.parametrize("linear", [False, True])
def test_each_colormap_is_refined_as_if_alone(random_kl, linear):
    maps = colormaps(3, 32)
    model = PatchAutoencoder.fit(maps, 4, 6) if linear else random_kl
    # Of other contrast and error than the others.
    maps[0] //= 2
    together = encode_colormaps(model, maps, 4)
    moved = (together - encode_images(model, maps)).flatten(1).norm(dim=1)
    for batch_size in (1, 2):
        apart = encode_colormaps(model, maps, 4, batch_size=batch_size)
        assert ((apart - together).flatten(1).norm(dim=1) < 0.05 * moved).all()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_callers_may_have_switched_gradients_off(random_kl, mode):
    maps = colormaps(1, 32)
    expected = encode_colormaps(random_kl, maps, 3)
    with mode():
        latents = encode_colormaps(random_kl, maps, 3)
    assert torch.equal(latents, expected)
    assert not latents.requires_grad


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_refines_too(random_kl, dtype):
    maps = colormaps(1, 32)
    half = copy.deepcopy(random_kl).to(dtype)
    full, same = (encode_colormaps(model, maps, 4) for model in (random_kl, half))
    moved = (full - encode_images(random_kl, maps)).norm()
    assert (same - full).norm() < 0.5 * moved


def test_the_autocast_of_a_caller_is_left_as_it_was(random_kl):
    maps = colormaps(1, 32)
    trained = copy.deepcopy(random_kl).requires_grad_()
    with torch.autocast("cpu", torch.float16):
        latents = encode_colormaps(trained, maps, 2)
        decode_latents(trained, latents)


def test_one_colour_alone_is_as_good(random_kl):
    for value in (0, 255):
        maps = np.full((1, 32, 32, 3), value, np.uint8)
        plain, refined = (
            squared_error(random_kl, encode_colormaps(random_kl, maps, steps), maps)
            for steps in (0, 5)
        )
        assert refined <= plain


def test_what_is_no_colormap_is_refused(random_kl):
    with pytest.raises(ValueError, match="uint8"):
        encode_colormaps(random_kl, colormaps(1).astype(np.float32), 2)
    with pytest.raises(ValueError, match="negative"):
        encode_colormaps(random_kl, colormaps(1), -1)
