"""A training begins with a finished model's weights, or is told why it cannot."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.models.tiny_pipeline import CHANNELS, UNET, components, tiny_pipeline
from tests.support.models.tiny_unet import tiny_architecture
from unigs.config.preset import Preset, load_preset
from unigs.errors import ModelError
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.models.text import build_text_encoder, save_text_encoder
from unigs.models.warm_start import (
    expected_shapes,
    latents_moved,
    require_same_prompts,
    tensor_shapes,
    warm_unet,
)

VAE = components()["vae"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("model") / "pipeline"
    tiny_pipeline().save_pretrained(place)
    return place


def preset(**changes: object) -> Preset:
    return load_preset("tiny", {"unet.architecture": UNET, **changes})


def test_the_weights_are_those_of_the_model(folder: Path) -> None:
    made = warm_unet(preset(), VAE, folder).state_dict()
    assert all(torch.equal(made[n], v) for n, v in components()["unet"].state_dict().items())


def test_shapes_are_known_without_weights(folder: Path) -> None:
    assert tensor_shapes(folder / "unet") == expected_shapes(preset(), VAE)


def test_the_shapes_of_a_grown_checkpoint_are_those_of_the_grown_one(folder: Path) -> None:
    """Of a plain UNet with C channels in and out, as Stable Diffusion's."""
    from diffusers import UNet2DConditionModel

    plain = folder.parent / "plain" / "unet"
    UNet2DConditionModel(**UNET, in_channels=CHANNELS, out_channels=CHANNELS).save_pretrained(plain)
    grown = load_preset("tiny", {"unet.architecture": None, "unet.source": str(plain.parent)})
    assert expected_shapes(grown, VAE) == tensor_shapes(folder / "unet")


def test_without_a_colormap_half_there_is_none(folder: Path) -> None:
    made = warm_unet(preset(**{"training.colormap_half": False}), VAE, folder)
    assert not made.conv_out.weight[CHANNELS:].any()
    assert made.conv_out.weight[:CHANNELS].any()


def test_a_folder_that_is_gone_is_told(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere: the model's folder is gone \(with retraining"):
        warm_unet(preset(), VAE, folder / "nowhere")


def test_another_architecture_is_told_with_a_tensor(folder: Path) -> None:
    wide = preset(**{"unet.architecture": tiny_architecture((24, 32), 32, 8, 8)})
    with pytest.raises(ModelError, match=r"unet: \d+ tensors of the model have another shape than"):
        warm_unet(wide, VAE, folder)


def test_damaged_weights_are_told(folder: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    (weights,) = (broken / "unet").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(ModelError, match="cut short or damaged"):
        warm_unet(preset(), VAE, broken)


def test_latents_of_another_autoencoder_are_told(folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    other = PatchAutoencoder.fit(noise, latent_channels=CHANNELS)
    assert latents_moved(VAE, VAE) == 0
    assert latents_moved(VAE, PatchAutoencoder.fit(noise, latent_channels=3)) == float("inf")
    with pytest.raises(ModelError, match=r"latents of another autoencoder, \d+% away"):
        warm_unet(preset(), other, folder)


def test_prompts_over_other_classes_are_told(folder: Path, tmp_path: Path) -> None:
    require_same_prompts(folder, folder)
    tokenizer, encoder = build_text_encoder(["dog", "cat", "bird"], hidden_size=32)
    save_text_encoder(tmp_path, tokenizer, encoder)
    with pytest.raises(ModelError, match="another text encoder: classes were added"):
        require_same_prompts(folder, tmp_path)


def test_an_autoencoder_fitted_to_a_picture_more_makes_the_same_latents() -> None:
    # flat pictures whose variance differs by channel, so that the directions are clear
    colors = np.random.default_rng(0).integers(0, 256, (200, 1, 1, 3)) * (1.0, 0.5, 0.2)
    scenes = np.broadcast_to(colors, (200, 16, 16, 3)).astype(np.uint8)
    first, second = (PatchAutoencoder.fit(part, latent_channels=3) for part in (scenes[1:], scenes))
    assert 0 < latents_moved(first, second) < 0.1
