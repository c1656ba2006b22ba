from tests.support.models.tiny_pipeline import tiny_pipeline
from unigs.config.preset import load_preset
from unigs.models.autoencoder import weights_digest
from unigs.pipeline.model_card import ModelFacts, facts_of, model_card, write_model_card


def test_the_card_tells_what_the_model_is(tmp_path):
    pipeline = tiny_pipeline(tasks=["referring", "entity"])
    facts = ModelFacts(
        licence="apache-2.0",
        data={"shapes": "a" * 64},
        metrics={"referring": {"miou": 0.71234}},
        training={"steps": 100},
    )
    text = write_model_card(tmp_path, pipeline, facts).read_text()
    assert text.startswith("---\nlibrary_name: diffusers\n")
    assert weights_digest(pipeline.unet) in text
    for part in ("license: apache-2.0", "a" * 64, "| referring | miou | 0.7123 |", "| steps | 100"):
        assert part in text
    assert 'pipeline("referring"' in text
    assert 'pipeline("synthesis"' not in text


def test_what_is_not_known_is_left_out():
    text = model_card(tiny_pipeline(), ModelFacts())
    assert "## Metrics" not in text
    assert "license" not in text


def test_a_preset_knows_licence_and_length_of_its_training():
    own = facts_of(load_preset("tiny", {"training.steps": 7}), {"shapes": "b" * 64}, {})
    assert (own.licence, own.base_model) == ("apache-2.0", None)
    assert own.training["steps"] == 7
    grown = facts_of(load_preset("sd15"), {}, {"entity": {"miou": float("nan"), "pq": 0.5}})
    assert grown.licence == "creativeml-openrail-m"
    assert grown.base_model == "stable-diffusion-v1-5/stable-diffusion-inpainting"
    assert grown.weights == {}
    text = model_card(tiny_pipeline(), grown)
    assert "| entity | pq | 0.5 |" in text
    assert "nan" not in text


def test_pretrained_weights_are_named_by_content_and_not_by_place(tmp_path):
    (tmp_path / "SD mine").mkdir()
    place = str(tmp_path / "SD mine")
    preset = load_preset("sd15", {"checkpoint": place, "training.batch_size": 8})
    facts = facts_of(preset, {}, {}, {"unet": "c" * 64, "text": "d" * 64})
    assert facts.base_model is None
    text = model_card(tiny_pipeline(), facts)
    assert f"| pretrained unet | SD mine, `{'c' * 16}` |" in text
    assert f"| pretrained text | SD mine, `{'d' * 16}` |" in text
    assert "| overrides | training.batch_size=8 |" in text
    assert str(tmp_path) not in text
    hub = facts_of(load_preset("sd15", {"checkpoint": "owner/name@v2"}), {}, {})
    assert hub.base_model == "owner/name"
