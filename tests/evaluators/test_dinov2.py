import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import Dinov2Model

from tests.support.models.vision_models import write_clip, write_dinov2
from unigs.errors import ModelError
from unigs.evaluators.bundle import load_evaluators, load_features
from unigs.evaluators.dinov2 import Dinov2Features


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_dinov2(tmp_path_factory.mktemp("dino") / "DINOv2-tiny")


def photographs(*sizes):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]


def test_features_are_the_class_token_of_the_published_preprocessing(folder):
    network = load_evaluators(dinov2=folder).dinov2
    images = photographs((40, 56), (224, 224), (300, 17))
    features = network.embed_images(images, batch_size=2)
    assert (features.shape, features.dtype) == ((3, network.dimensions), np.float32)
    # torchvision's transforms of the authors' code, the last hidden state by hand
    from torchvision.transforms import v2

    transform = v2.Compose(
        [
            v2.Resize((224, 224), v2.InterpolationMode.BICUBIC),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    model = Dinov2Model.from_pretrained(folder).eval()
    for image, row in zip(images, features, strict=True):
        with torch.inference_mode():
            hidden = model(transform(Image.fromarray(image))[None]).last_hidden_state
        assert row == pytest.approx(hidden[0, 0].numpy(), abs=1e-4)
    assert np.abs(features[0] - features[1]).max() > 0.1


def test_features_are_torch_fidelitys_where_nothing_is_resized(folder, monkeypatch):
    pytest.importorskip("torch_fidelity")
    from torch_fidelity.feature_extractor_dinov2 import FeatureExtractorDinoV2

    class ClassToken(torch.nn.Module):
        """What torch.hub gives for DINOv2, from transformers' weights."""

        def __init__(self):
            super().__init__()
            self.network = Dinov2Model.from_pretrained(folder)

        def forward(self, pixels):
            return self.network(pixels).last_hidden_state[:, 0]

    monkeypatch.setattr(torch.hub, "load", lambda repository, name: ClassToken())
    theirs = FeatureExtractorDinoV2("dinov2-vit-l-14", ["dinov2"])
    images = photographs((224, 224), (224, 224))
    (expected,) = theirs(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2))
    assert Dinov2Features(folder).embed_images(images) == pytest.approx(expected.numpy(), abs=1e-4)


def test_it_is_named_by_its_weights(folder, tmp_path):
    network = load_features(str(folder))
    assert isinstance(network, Dinov2Features)
    label, digest = network.name.split(".")
    assert (label, len(digest)) == ("dinov2-tiny", 8)
    other = tmp_path / "DINOv2-tiny"
    other.mkdir()
    for file in folder.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    assert Dinov2Features(other).cache_key == network.cache_key
    tensors = load_file(other / "model.safetensors")
    tensors["layernorm.bias"] += 1
    save_file(tensors, other / "model.safetensors", {"format": "pt"})
    changed = Dinov2Features(other)
    assert changed.name != network.name
    assert changed.cache_key != network.cache_key
    assert changed.embed_images([]).shape == (0, network.dimensions)


def test_another_model_and_missing_weights_are_one_line(folder, tmp_path):
    clip = write_clip(tmp_path / "clip")
    with pytest.raises(ModelError, match="a clip model, not a DINOv2"):
        Dinov2Features(clip)
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    tensors = load_file(folder / "model.safetensors")
    del tensors["layernorm.weight"]
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"weights without layernorm\.weight"):
        Dinov2Features(tmp_path)
