"""Evaluators that cost nothing: a random CLIP, and a segmenter that knows the colours."""

import numpy as np
import torch
from transformers import CLIPConfig, CLIPModel

from tests.support.evaluation.evaluated_shards import COLORS, NAMES
from unigs.evaluators.bundle import Evaluators
from unigs.evaluators.dual_encoder import DualEncoder
from unigs.evaluators.segmenter import split_classes
from unigs.models.tokenizer import build_tokenizer


class ColourEvaluator:
    """Segments the test scenes by their colours: a perfect evaluator of the real ones."""

    name = "colours.00000000"
    accuracy = {}  # noqa: RUF012

    def segment(self, images):
        for image in images:
            distance = np.linalg.norm(image[:, :, None].astype(float) - COLORS, axis=-1)
            yield split_classes(distance.argmin(-1) + 1, NAMES, frozenset(NAMES[:2]))


def exact_evaluators() -> Evaluators:
    """Those of `toy_evaluators`, whose figures are those of any processor to ten digits.

    Sums in float32 depend on the instructions of the processor, and so do torch's random numbers:
    the weights are numpy's, and the network computes in float64.
    """
    evaluators = toy_evaluators()
    model, rng = evaluators.dual_encoder.model.double(), np.random.default_rng(0)
    for weights in model.parameters():
        if weights.unique().numel() > 1:  # the others are constants
            weights.copy_(torch.from_numpy(rng.normal(0, 0.2, weights.shape)))
    return evaluators


def toy_evaluators() -> Evaluators:
    """The same ones at every call."""
    tokenizer = build_tokenizer(NAMES)
    common = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 1}
    config = CLIPConfig(
        text_config={**common, "vocab_size": len(tokenizer), "num_hidden_layers": 1},
        vision_config={**common, "image_size": 32, "patch_size": 16, "num_hidden_layers": 1},
        projection_dim=4,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = CLIPModel(config)
    return Evaluators(DualEncoder(model, tokenizer, "toy-clip.00000000"), ColourEvaluator())
