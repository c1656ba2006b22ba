import numpy as np
import pytest
import torch
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig
from transformers import Mask2FormerImageProcessor as Processor

from unigs.errors import ModelError
from unigs.evaluators.bundle import load_evaluators, load_features
from unigs.evaluators.inception import InceptionFeatures
from unigs.evaluators.mask2former import Mask2FormerEvaluator


@pytest.fixture(scope="module")
def mask2former(tmp_path_factory):
    """A Mask2Former of random weights, small enough for a test."""
    folder = tmp_path_factory.mktemp("evaluators") / "Mask2Former-Tiny"
    backbone = SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = Mask2FormerConfig(
        backbone_config=backbone, hidden_dim=32, feature_size=32, mask_feature_size=32,
        encoder_layers=1, decoder_layers=2, encoder_feedforward_dim=16, dim_feedforward=16,
        num_attention_heads=2, num_queries=6,
        id2label={0: "person", 1: "sky-other-merged", 2: "wall-brick"},
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Mask2FormerForUniversalSegmentation(config)
    model.save_pretrained(folder)
    Processor(size={"height": 64, "width": 64}, do_reduce_labels=False).save_pretrained(folder)
    return folder


def test_mask2former_predicts_prompt_names_at_the_size_of_the_image(mask2former):
    evaluator = load_evaluators(segmenter=mask2former).segmenter
    assert isinstance(evaluator, Mask2FormerEvaluator)
    assert evaluator.name.startswith("mask2former-tiny.")
    images = list(np.random.default_rng(0).integers(0, 256, (3, 40, 56, 3), dtype=np.uint8))
    predictions = list(evaluator.segment(images))
    assert len(predictions) == 3
    for prediction in predictions:
        assert prediction.segments.shape == (40, 56)
        labels = set(np.unique(prediction.segments)) - {0}
        assert labels <= set(prediction.classes)
        assert set(prediction.classes.values()) <= {"person", "sky", "brick wall"}


def test_a_folder_without_an_evaluator_is_named(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="not a Mask2Former"):
        load_evaluators(segmenter=tmp_path)


@pytest.fixture(scope="module")
def inception(tmp_path_factory):
    """Inception of the right shapes and random weights: enough for everything but the value."""
    extractor = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    path = tmp_path_factory.mktemp("inception") / "weights.pth"

    class Blank(extractor.FeatureExtractorInceptionV3):
        def load_state_dict(self, state):
            return None

    empty = path.with_name("empty.pth")
    torch.save({}, empty)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.save(Blank("blank", ["2048"], str(empty)).state_dict(), path)
    return path


def test_other_weights_never_make_an_fid(inception):
    network = load_features(str(inception))
    assert isinstance(network, InceptionFeatures)
    assert not network.is_fid
    assert network.name == f"inception.{network.digest[:8]}"
    features = network.embed_images([np.zeros((20, 30, 3), np.uint8), np.ones((9, 9, 3), np.uint8)])
    assert features.shape == (2, 2048)
    assert np.isfinite(features).all()


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    pytest.importorskip("torch_fidelity")

    class Trap:
        def __reduce__(self):
            return (print, ("ran",))

    path = tmp_path / "weights.pth"
    torch.save(Trap(), path)
    with pytest.raises(ModelError, match=r"weights\.pth"):
        InceptionFeatures(path)
    with pytest.raises(ModelError, match="no such file"):
        InceptionFeatures(tmp_path / "none.pth")
