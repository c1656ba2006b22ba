import json

import numpy as np
import pytest

from tests.support.evaluation.evaluated_shards import NAMES, SIDE, scenes
from unigs.errors import DataError, ModelError
from unigs.evaluators.dual_encoder import DualEncoder
from unigs.evaluators.dual_encoder_training import (
    DualEncoderOptions,
    TextPairs,
    train_dual_encoder,
    truths,
)

OPTIONS = DualEncoderOptions(
    size=SIDE, patch=16, width=32, layers=1, dimensions=8, steps=60, batch=16, learning_rate=4e-3
)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return scenes(tmp_path_factory.mktemp("scenes"), 24)


@pytest.fixture(scope="module")
def encoder(drawn):
    return train_dual_encoder(drawn, OPTIONS)


def test_it_learns_names(encoder):
    assert encoder.accuracy["crop"] > 0.5  # one in four by chance
    assert encoder.accuracy["n"] == 2


def test_training_is_reproducible(drawn, encoder):
    again = train_dual_encoder(drawn, OPTIONS)
    images = [scene.image() for scene in drawn[:3]]
    assert np.array_equal(again.embed_images(images), encoder.embed_images(images))


def test_saving_preserves_the_predictions_and_gives_the_name(tmp_path, drawn, encoder):
    encoder.save(tmp_path / "clip", "shapes-clip")
    loaded = DualEncoder.load(tmp_path / "clip")
    assert loaded.name == encoder.name
    assert loaded.name.startswith("shapes-clip.")
    assert len(loaded.name) == len("shapes-clip.") + 8
    assert loaded.accuracy == encoder.accuracy
    images = [drawn[0].image(), drawn[1].image()[:10, :20]]
    assert np.array_equal(loaded.embed_images(images), encoder.embed_images(images))
    texts = ["disc", "disc, sky", "a word it never saw"]
    assert np.array_equal(loaded.embed_texts(texts), encoder.embed_texts(texts))
    encoder.save(tmp_path / "clip", "shapes-clip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip"]


def test_another_seed_is_another_name(tmp_path, drawn, encoder):
    other = train_dual_encoder(
        drawn, DualEncoderOptions(**{**_fields(OPTIONS), "seed": 1, "steps": 1})
    )
    encoder.save(tmp_path / "a", "shapes-clip")
    other.save(tmp_path / "b", "shapes-clip")
    assert encoder.name != other.name


def _fields(options):
    return {name: getattr(options, name) for name in options.__dataclass_fields__}


def test_what_an_image_shows_is_no_negative():
    texts = [("disc",), ("disc", "sky"), ("block",)]
    pairs = TextPairs(
        [], [("disc",), ("block",)], [frozenset({"disc", "sky"}), frozenset({"block"})]
    )
    assert truths(texts, pairs).tolist() == [[True, True, False], [False, False, True]]


def test_nothing_to_embed_is_no_error(encoder):
    assert encoder.embed_images([]).shape == (0, 8)
    assert encoder.embed_texts([]).shape == (0, 8)


def test_folders_that_are_no_encoder_are_named(tmp_path, encoder):
    with pytest.raises(ModelError, match="nowhere"):
        DualEncoder.load(tmp_path / "nowhere")
    encoder.save(tmp_path / "clip", "shapes-clip")
    config = tmp_path / "clip" / "config.json"
    values = json.loads(config.read_text())
    values["projection_dim"] = 16
    config.write_text(json.dumps(values))
    with pytest.raises(ModelError, match="clip"):
        DualEncoder.load(tmp_path / "clip")
    (tmp_path / "clip" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="clip: no weights"):
        DualEncoder.load(tmp_path / "clip")


def test_no_scene_is_an_error():
    with pytest.raises(DataError, match="no scene"):
        train_dual_encoder([], OPTIONS)


def test_names_of_the_data_set_are_single_tokens(encoder):
    for name in NAMES:
        assert encoder.tokens([name])["input_ids"].shape == (1, 3)
