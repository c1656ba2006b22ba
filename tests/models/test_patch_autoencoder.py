import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from unigs.errors import ModelError
from unigs.models.autoencoder import decode_latents, encode_images, weights_digest
from unigs.models.patch_autoencoder import PatchAutoencoder


@pytest.fixture(scope="module")
def images():
    """Smooth random pictures: low-frequency noise, so that patches have a decaying spectrum."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.normal(128, 60, (40, 3, 8, 8)))
    smooth = torch.nn.functional.interpolate(coarse, size=(32, 48), mode="bicubic")
    noisy = smooth + torch.from_numpy(rng.normal(0, 4, smooth.shape))
    return noisy.clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()


def test_a_full_basis_reconstructs_every_pixel(images):
    model = PatchAutoencoder.fit(images, patch_size=4, latent_channels=48)
    assert np.array_equal(decode_latents(model, encode_images(model, images)), images)


def test_the_basis_is_orthonormal(images):
    model = PatchAutoencoder.fit(images, latent_channels=24)
    gram = model.basis @ model.basis.T
    assert torch.allclose(gram, torch.eye(24), atol=1e-5)


def test_equals_scikit_learns_pca(images):
    model = PatchAutoencoder.fit(images, latent_channels=12)
    n, h, w, _ = images.shape
    tiles = images.reshape(n, h // 4, 4, w // 4, 4, 3).transpose(0, 1, 3, 5, 2, 4)
    patches = tiles.reshape(-1, 48).astype(np.float64) / 127.5 - 1
    reference = PCA(12, svd_solver="full").fit(patches)
    cosine = np.abs(np.sum(reference.components_ * model.basis.numpy(), axis=1))
    assert np.allclose(cosine, 1, atol=1e-4)
    assert np.allclose(model.deviation.numpy() ** 2, reference.explained_variance_, rtol=1e-4)
    expected = reference.inverse_transform(reference.transform(patches))
    latents = encode_images(model, images)
    ours = model.decode(latents).sample.permute(0, 2, 3, 1).numpy()
    ours = ours.reshape(n, h // 4, 4, w // 4, 4, 3).transpose(0, 1, 3, 5, 2, 4).reshape(-1, 48)
    assert np.allclose(ours, expected, atol=1e-4)


@pytest.mark.parametrize("energy", [0.0, 0.5, 1.0])
def test_energy_shapes_the_channels_and_the_mean_variance_stays_one(images, energy):
    model = PatchAutoencoder.fit(images, latent_channels=12, energy=energy)
    spread = encode_images(model, images).permute(1, 0, 2, 3).flatten(1).std(1)
    assert spread.square().mean().item() == pytest.approx(1, abs=1e-3)
    expected = model.deviation**energy
    assert torch.allclose(spread / spread[0], expected / expected[0], rtol=1e-3)


def test_gain_does_not_change_the_reconstruction(images):
    natural, white = (PatchAutoencoder.fit(images, energy=e) for e in (1.0, 0.0))
    assert torch.allclose(natural(torch.ones(1, 3, 8, 8)), white(torch.ones(1, 3, 8, 8)), atol=1e-5)


def test_round_trip_to_disk(images, tmp_path):
    model = PatchAutoencoder.fit(images, latent_channels=16, energy=0.7)
    model.save_pretrained(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {
        "config.json",
        "diffusion_pytorch_model.safetensors",
    }
    again = PatchAutoencoder.from_pretrained(tmp_path)
    assert weights_digest(again) == weights_digest(model)
    assert torch.equal(encode_images(again, images), encode_images(model, images))


def test_fit_is_reproducible_and_other_pictures_give_another_digest(images):
    digest = weights_digest(PatchAutoencoder.fit(images))
    assert digest == weights_digest(PatchAutoencoder.fit(images))
    assert digest != weights_digest(PatchAutoencoder.fit(images[::2]))


def test_works_at_other_sizes_than_fitted(images):
    model = PatchAutoencoder.fit(images)
    latents = encode_images(model, images[:2, :12, :20])
    assert latents.shape == (2, 12, 3, 5)
    assert torch.allclose(latents, encode_images(model, images[:2])[:, :, :3, :5], atol=1e-5)
    assert decode_latents(model, latents).shape == (2, 12, 20, 3)


def test_constant_pictures_do_not_divide_by_zero():
    model = PatchAutoencoder.fit(np.full((8, 16, 16, 3), 90, np.uint8), energy=0.0)
    assert torch.isfinite(encode_images(model, np.zeros((1, 8, 8, 3), np.uint8))).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PatchAutoencoder(patch_size=2, latent_channels=13), "1 to 12"),
        (lambda: PatchAutoencoder(energy=1.5), "energy 1.5"),
        (lambda: PatchAutoencoder.fit(np.zeros((1, 8, 8), np.uint8)), "give .n, h, w, 3. uint8"),
        (lambda: PatchAutoencoder.fit(np.zeros((1, 8, 8, 3))), "float64"),
        (lambda: PatchAutoencoder.fit(np.zeros((1, 8, 8, 3), np.uint8)), "give more images"),
        (lambda: PatchAutoencoder().encode(torch.zeros(1, 3, 9, 8)), "4 divides"),
    ],
)
def test_wrong_use_is_named(call, message):
    with pytest.raises(ModelError, match=message):
        call()
