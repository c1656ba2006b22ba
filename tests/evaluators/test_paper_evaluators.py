import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.support.models.vision_models import write_inception, write_mask2former
from unigs.errors import ModelError
from unigs.evaluators.bundle import load_evaluators, load_features
from unigs.evaluators.inception import InceptionFeatures
from unigs.evaluators.mask2former import Mask2FormerEvaluator


@pytest.fixture(scope="module")
def mask2former(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluators") / "Mask2Former-Tiny"
    return write_mask2former(folder, {0: "person", 1: "sky-other-merged", 2: "wall-brick"})


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
    save_file({"weight": torch.zeros(1)}, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="not a Mask2Former"):
        load_evaluators(segmenter=tmp_path)


@pytest.fixture(scope="module")
def inception(tmp_path_factory):
    pytest.importorskip("torch_fidelity")
    return write_inception(tmp_path_factory.mktemp("inception") / "weights.pth")


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
