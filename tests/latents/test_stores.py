"""What training draws from, told to other processes and opened."""

import copy
from pathlib import Path

import numpy as np
import pytest

from tests.support.data.tiny_shards import write_shards
from unigs.latents.stores import Encoders, open_stores
from unigs.models.colormap_latents import encode_colormaps
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.models.text import build_text_encoder, save_text_encoder


@pytest.fixture
def encoders(tmp_path: Path) -> Encoders:
    images = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), np.uint8)
    PatchAutoencoder.fit(images, 8, 6).save_pretrained(tmp_path / "vae")
    save_text_encoder(tmp_path / "text", *build_text_encoder(["dog"], hidden_size=16))
    return Encoders(tmp_path / "vae", tmp_path / "text", 3)


def test_another_process_loads_its_own_and_refines_alike(encoders: Encoders) -> None:
    loaded = encoders.loaded
    there = copy.copy(encoders)
    assert there == encoders
    assert there.loaded[0] is not loaded[0]


def test_pixels_are_encoded_with_the_steps_of_the_encoders(
    encoders: Encoders, tmp_path: Path
) -> None:
    write_shards(tmp_path / "pixels", ["entity"], count=2, size=32)
    store = open_stores({"entity": tmp_path / "pixels" / "entity"}, encoders)["entity"]
    maps = np.stack([store.sample(index).colormap for index in (0, 1)])
    expected = encode_colormaps(encoders.loaded[0], maps, 3).numpy()
    np.testing.assert_allclose(store.batch([0, 1])["colormap"], expected, atol=4e-3, rtol=1e-3)
    assert np.abs(expected - encode_colormaps(encoders.loaded[0], maps).numpy()).max() > 0.05
