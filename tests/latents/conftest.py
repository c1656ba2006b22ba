"""Twenty scenes of every task, as pixel shards and as latents.

What needs torch is imported where it is used: without torch the tests are skipped, not broken.
"""

import numpy as np
import pytest

from tests.support.data.made_scenes import CLASSES, made_scene
from unigs.colormap.palette import Palette
from unigs.samples.options import SampleOptions
from unigs.shards.build import build_shards
from unigs.tasks import TASKS

OPTIONS = SampleOptions(Palette(5), CLASSES, size=32)


@pytest.fixture(scope="package")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    return [made_scene(folder, number) for number in range(20)]


@pytest.fixture(scope="package")
def models(scenes):
    from unigs.models.patch_autoencoder import PatchAutoencoder
    from unigs.models.text import build_text_encoder

    autoencoder = PatchAutoencoder.fit(np.stack([scene.image() for scene in scenes]), 4, 8)
    tokenizer, encoder = build_text_encoder(CLASSES, hidden_size=16, max_length=24)
    return autoencoder, encoder, tokenizer


@pytest.fixture(scope="package")
def pixels(scenes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pixels")
    for task in TASKS:
        build_shards(scenes, task, OPTIONS, folder / task, shards=4)
    return folder


@pytest.fixture(scope="package")
def latents(pixels, models, tmp_path_factory):
    from unigs.latents.build import build_latents

    folder = tmp_path_factory.mktemp("latents")
    for task in TASKS:
        build_latents(pixels / task, folder / task, *models)
    return folder
