"""The trip through an autoencoder, and its cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unigs.colormap import Palette
from unigs.evaluation.codec.latents import through_autoencoder
from unigs.models.patch_autoencoder import PatchAutoencoder


class Counting(PatchAutoencoder):
    """An autoencoder that counts what it encodes."""

    calls = 0

    def encode(self, *arguments: Any, **options: Any) -> Any:
        Counting.calls += 1
        return super().encode(*arguments, **options)


@pytest.fixture
def colormap() -> np.ndarray:
    segments = np.zeros((32, 32), np.int32)
    segments[4:20, 6:30] = 1
    return Palette(5).encode(segments)


def test_noise_on_the_latents_follows_the_generator(colormap: np.ndarray) -> None:
    trip = through_autoencoder(PatchAutoencoder(), noise=0.3)
    one, again, other = (trip(colormap, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_kept_trip_is_the_trip(colormap: np.ndarray, tmp_path: Path, noise: float) -> None:
    Counting.calls = 0
    expected = through_autoencoder(PatchAutoencoder(), noise)(colormap, np.random.default_rng(1))
    after = []
    for _ in range(2):
        rng = np.random.default_rng(1)
        trip = through_autoencoder(Counting(), noise, tmp_path / "trips")
        assert np.array_equal(trip(colormap, rng), expected)
        after.append(rng.random())
    assert Counting.calls == 1
    assert after[0] == after[1], "what follows the trip must draw the same numbers"


def test_another_colormap_noise_or_autoencoder_is_another_trip(
    colormap: np.ndarray, tmp_path: Path
) -> None:
    rng = np.random.default_rng
    through_autoencoder(PatchAutoencoder(), 0.0, tmp_path)(colormap, rng(0))
    through_autoencoder(PatchAutoencoder(), 0.0, tmp_path)(colormap[::-1], rng(0))
    through_autoencoder(PatchAutoencoder(), 0.1, tmp_path)(colormap, rng(0))
    through_autoencoder(PatchAutoencoder(), 0.1, tmp_path)(colormap, rng(1))
    through_autoencoder(PatchAutoencoder(patch_size=8), 0.0, tmp_path)(colormap, rng(0))
    through_autoencoder(PatchAutoencoder(), 0.0, tmp_path, refine_steps=2)(colormap, rng(0))
    assert len(list(tmp_path.glob("*.png"))) == 6
