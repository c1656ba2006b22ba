"""A published value, where its weights and images are at hand; no test fetches them."""

import numpy as np
import pytest

from unigs.evaluators.dual_encoder import DualEncoder
from unigs.evaluators.image_folder import folder_features
from unigs.metrics.cmmd import cmmd

# README of github.com/sayakpaul/cmmd-pytorch: of the two folders in that repository, an image
# each, by CLIP ViT-L/14 at 336 pixels, "the same as the original codebase".
CMMD, NETWORK = 7.696, "clip-vit-large-patch14-336"


@pytest.mark.slow
def test_cmmd_of_the_example_of_its_port(request):
    weights = request.getfixturevalue("test_weights") / NETWORK
    images = request.getfixturevalue("test_data") / "metrics" / "cmmd"
    folders = images / "reference_images", images / "generated_images"
    for needed in (weights, *folders):
        if not needed.is_dir():
            pytest.skip(f"{needed} is not there: CMMD is not compared with its published value")
    encoder = DualEncoder.load(weights)
    # One image a side is refused; the means over all pairs of its copies are the same.
    twice = [np.repeat(folder_features(folder, encoder), 2, axis=0) for folder in folders]
    # Pillow resizes to 336 pixels here, another library there.
    assert cmmd(*twice) == pytest.approx(CMMD, rel=0.05)
