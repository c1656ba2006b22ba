"""`best` on real photographs' entities through a real autoencoder: better than the default."""

from itertools import islice

import numpy as np
import pytest

from unigs.colormap import Palette
from unigs.datasets import open_dataset
from unigs.evaluation.codec.latents import through_autoencoder
from unigs.evaluation.codec.trial import run_trial, trial_segments


@pytest.mark.slow
def test_best_beats_the_default_through_a_real_autoencoder(test_data, test_weights, tmp_path):
    from unigs.models.autoencoder import load_autoencoder

    trip = through_autoencoder(load_autoencoder(test_weights / "taesd"), 0.0, tmp_path)
    rng = np.random.default_rng(0)
    scenes = islice(open_dataset("coco_panoptic", test_data / "coco", "train"), 50, 62)
    samples = [(scene.key, trial_segments(scene, 512, None, rng)) for scene in scenes]
    found = {
        decoder: run_trial(samples, Palette(), decoder, distortions=[trip])
        for decoder in ("regions", "best")
    }
    assert found["best"]["miou"] > found["regions"]["miou"]
    assert found["best"]["recall_50"] >= found["regions"]["recall_50"] - 0.01
