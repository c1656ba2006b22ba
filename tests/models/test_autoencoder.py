import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from PIL import Image

from unigs.errors import ModelError
from unigs.io import device, machine
from unigs.models.autoencoder import (
    activation_bytes,
    decode_latents,
    encode_images,
    encode_posterior,
    latent_channels,
    load_autoencoder,
    low_precision,
    vae_scale_factor,
    weights_digest,
)
from unigs.models.colormap_latents import encode_colormaps
from unigs.models.patch_autoencoder import PatchAutoencoder


def small_kl(**options):
    torch.manual_seed(0)
    return AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
        **options,
    ).eval()


def pictures(n=3, size=16):
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def test_kl_takes_the_posterior_mean_scaled_and_shifted():
    model = small_kl(scaling_factor=0.5, shift_factor=0.25)
    images = pictures()
    latents = encode_images(model, images)
    signal = torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        posterior = model.encode(signal).latent_dist
    assert torch.allclose(latents, (posterior.mean - 0.25) * 0.5, atol=1e-6)
    assert torch.equal(latents, encode_images(model, images))
    assert (latent_channels(model), vae_scale_factor(model)) == (4, 2)


def test_decoding_undoes_the_scaling():
    model = small_kl(scaling_factor=0.5, shift_factor=0.25)
    raw = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        signal = model.decode(raw).sample
    expected = ((signal + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    assert np.array_equal(decode_latents(model, (raw - 0.25) * 0.5), expected)


def test_float_images_and_batch_size_change_nothing():
    model = small_kl()
    images = pictures(5)
    whole = encode_images(model, images)
    assert torch.allclose(whole, encode_images(model, images, batch_size=2), atol=1e-5)
    floats = torch.from_numpy(images).float() / 127.5 - 1
    assert torch.allclose(whole, encode_images(model, floats), atol=1e-6)


@pytest.mark.parametrize("inside_a_pipeline", [False, True])
def test_loads_what_diffusers_saved(tmp_path, inside_a_pipeline):
    model = small_kl()
    model.save_pretrained(tmp_path / "vae" if inside_a_pipeline else tmp_path)
    loaded = load_autoencoder(tmp_path)
    assert isinstance(loaded, AutoencoderKL)
    assert weights_digest(loaded) == weights_digest(model)
    assert not any(p.requires_grad for p in loaded.parameters())


def test_digest_follows_the_scaling():
    assert weights_digest(small_kl(scaling_factor=1.0)) != weights_digest(
        small_kl(scaling_factor=0.5)
    )


def test_taesd_in_its_original_layout_reconstructs_a_photo(test_weights, test_data):
    model = load_autoencoder(test_weights / "taesd")
    assert isinstance(model, AutoencoderTiny)
    assert (latent_channels(model), vae_scale_factor(model)) == (4, 8)
    photo = next(iter(sorted(test_data.glob("coco/**/*.jpg"))))
    image = np.asarray(Image.open(photo).convert("RGB").resize((256, 256)))[None]
    latents = encode_images(model, image)
    assert latents.shape == (1, 4, 32, 32)
    again = decode_latents(model, latents)
    error = np.sqrt(np.mean((again.astype(float) - image) ** 2))
    assert error < 0.5 * image.std()


def test_missing_autoencoder(tmp_path):
    with pytest.raises(ModelError, match="no such directory"):
        load_autoencoder(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"vae/config\.json"):
        load_autoencoder(tmp_path)


def test_pickles_are_refused_with_the_way_to_convert(tmp_path):
    small_kl().save_pretrained(tmp_path, safe_serialization=False)
    with pytest.raises(ModelError, match="safe_serialization=True"):
        load_autoencoder(tmp_path)


def test_weights_that_do_not_fit_are_refused(tmp_path, test_weights):
    folder = tmp_path / "taesd"
    shutil.copytree(test_weights / "taesd", folder)
    shutil.copy(folder / "taesd_encoder.safetensors", folder / "taesd_decoder.safetensors")
    with pytest.raises(ModelError, match="not TAESD"):
        load_autoencoder(folder)
    (folder / "taesd_decoder.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="unreadable"):
        load_autoencoder(folder)


def test_other_families_are_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "VQModel"}))
    with pytest.raises(ModelError, match="VQModel"):
        load_autoencoder(tmp_path)


def test_sides_the_factor_does_not_divide():
    with pytest.raises(ModelError, match="2 divides"):
        encode_images(small_kl(), pictures(1, 15))


def test_a_batch_is_as_large_as_its_activations_allow(monkeypatch):
    model = small_kl()
    # 16 channels of its second block at full resolution, 4 bytes each, four of them at a time.
    assert activation_bytes(model, 32, 16) == 4 * 16 * 32 * 16 * 4
    assert activation_bytes(model.to(torch.bfloat16), 32, 16) == 4 * 16 * 32 * 16 * 2
    assert activation_bytes(PatchAutoencoder(4, 48), 8, 8) == 4 * 3 * 8 * 8 * 4
    model = small_kl()
    monkeypatch.setattr(device, "CPU_ACTIVATIONS", 2 * activation_bytes(model, 16, 16))
    sizes = []
    encode, decode = model.encode, model.decode
    monkeypatch.setattr(model, "encode", lambda x: sizes.append(len(x)) or encode(x))
    monkeypatch.setattr(model, "decode", lambda x: sizes.append(len(x)) or decode(x))
    latents = encode_images(model, pictures(5))
    decode_latents(model, latents)
    encode_colormaps(model, pictures(5))
    assert sizes == 3 * [2, 2, 1]


def test_a_posterior_has_a_deviation_and_the_others_have_none():
    model = small_kl(scaling_factor=0.5, shift_factor=0.25)
    images = pictures()
    mean, deviation = encode_posterior(model, images)
    assert torch.equal(mean, encode_images(model, images))
    signal = torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        expected = model.encode(signal).latent_dist.std * 0.5
    assert torch.allclose(deviation, expected, atol=1e-6)
    assert encode_posterior(PatchAutoencoder(4, 48), images)[1] is None


@pytest.mark.parametrize("fast", [torch.bfloat16, torch.float32])
def test_convolutions_multiply_in_bfloat16_where_that_is_faster(monkeypatch, fast):
    monkeypatch.setattr(machine, "_machine", lambda kind: machine.Machine(kind, fast, True, None))
    model, cpu = small_kl(), torch.device("cpu")
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with low_precision(model, cpu), torch.no_grad():
        assert model.encoder.conv_in(images).dtype == fast
    linear = PatchAutoencoder(4, 48)
    with low_precision(linear, cpu):
        assert linear.encode(images).latents.dtype == torch.float32


def test_float16_overflows_an_autoencoder_so_it_loads_in_float32(tmp_path):
    small_kl().save_pretrained(tmp_path)
    assert load_autoencoder(tmp_path, torch.float16).dtype == torch.float32
    assert load_autoencoder(tmp_path, torch.bfloat16).dtype == torch.bfloat16
