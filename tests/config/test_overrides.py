"""Overrides: dotted names with values by their types, one line for whatever is wrong."""

import json

import pytest

from unigs.config.overrides import parse_overrides, setting_names
from unigs.config.preset import Preset, load_preset
from unigs.errors import ConfigError


def loaded(*texts, preset="tiny"):
    return load_preset(preset, parse_overrides(Preset, texts))


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("training.batch_size=8", "training.batch_size", 8),
        ("training.learning_rate=3e-5", "training.learning_rate", 3e-5),
        ("data.latents=false", "data.latents", False),
        ("training.steps=null", "training.steps", None),
        ("training.betas=[0.9, 0.95]", "training.betas", (0.9, 0.95)),
        ("training.betas=0.9,0.95", "training.betas", (0.9, 0.95)),
        (
            "diffusion.zero_initial_noise=entity, referring",
            "diffusion.zero_initial_noise",
            ("entity", "referring"),
        ),
        ("inference.steps.entity=4", "inference.steps", 4),
        ("diffusion.scheduler.beta_end=2e-2", "diffusion.scheduler", 2e-2),
        ("codec.options.delta=5", "codec.options", 5),
        ("codec.decoder=pdm", "codec.decoder", "pdm"),
        ("data.min_area=0", "data.min_area", 0.0),
    ],
)
def test_a_value_has_the_type_of_its_setting(text, name, value):
    place = loaded(text)
    for part in name.split("."):
        place = getattr(place, part)
    if isinstance(place, dict):
        place = place[text.partition("=")[0].rpartition(".")[2]]
    assert place == value
    assert type(place) is type(value)


@pytest.mark.parametrize(
    "place",
    ["/my models/SD 1.5", "a=b", "123", "true", "owner/name", "/x: y # z", "[a]", "2024-1-1"],
)
def test_text_stays_as_it_was_given(place):
    preset = loaded(f"checkpoint={place}", f"evaluation.clip={place}", preset="sd15")
    assert preset.checkpoint == preset.unet.source == preset.evaluation.clip == place


def test_a_mapping_a_name_and_none_for_one_setting():
    assert loaded("unet.architecture=sd15").unet.architecture == "sd15"
    small = loaded("unet.architecture={layers_per_block: 2}").unet.architecture
    assert small == {"layers_per_block": 2}
    grown = loaded("unet.architecture=null", "unet.source=DIR").unet
    assert (grown.source, grown.architecture) == ("DIR", None)


def test_one_entry_leaves_the_defaults_of_the_others():
    weights = loaded("training.ratios.entity=0.5", preset="sd15").training.ratios
    assert weights == {"inpainting": 0.3, "synthesis": 0.3, "referring": 0.2, "entity": 0.5}
    share = loaded("diffusion.terminal_share.entity=0.5", preset="sd15").diffusion.terminal_share
    assert share == {"inpainting": 0, "synthesis": 0, "referring": 0, "entity": 0.5}


def test_a_data_set_of_the_mix_has_settings_of_its_own():
    mix = loaded(
        "data.mix.entityseg.root=my data", "data.mix.entityseg.tasks=entity", preset="sd15"
    )
    held = mix.data.mix["entityseg"]
    assert (held.root, held.tasks, held.weight) == ("my data", ("entity",), None)
    assert mix.data.mix["coco_panoptic"] == load_preset("sd15").data.mix["coco_panoptic"]


def test_the_last_of_two_counts_and_overrides_are_recorded():
    preset = loaded("training.steps=5", "training.steps=7")
    assert preset.training.steps == 7
    assert preset.overrides == {"training.steps": 7}
    assert Preset.model_validate(json.loads(preset.model_dump_json())) == preset


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("trainig.batch_size=8", r"trainig.batch_size=8: no such .*mean training\.batch_size\?"),
        ("training.batchsize=8", r"training.batchsize=8: no such .*mean training\.batch_size\?"),
        ("batch_size=8", r"mean training\.batch_size or evaluation\.batch_size\?"),
        ("zzz=8", r"^zzz=8: no such setting$"),
        ("training.batch_size=0", r"^training.batch_size=0: input should be greater than or equal"),
        ("training.batch_size=many", r"^training.batch_size=many: input should be a valid integer"),
        ("training.optimizer=sgd", r"^training.optimizer=sgd: input should be 'adamw' or 'muon'"),
        ("training.weight_decay=.nan", r"^training.weight_decay=nan: input should be a finite"),
        ("training.steps.entity=5", r"^training.steps.entity: training.steps is one value"),
        ("inference.steps.entiti=5", r"inference.steps.entiti=5: inference.steps names .*entiti"),
        ("unet.source=DIR", r"^unet.source=DIR: give either unet.source or unet.architecture"),
        ("training.steps=[1", r"^training.steps=\[1: not a YAML value"),
        ("training.steps", r"^'training.steps' is no setting \(give NAME=VALUE\)"),
        ("=5", r"is no setting"),
        ("training={batch_size: 0}", r"^training={'batch_size': 0}: training.batch_size: input"),
        ("name=mine", r"^name=mine: no such setting"),
        ("overrides={}", r"^overrides={}: no such setting"),
    ],
)
def test_what_is_wrong_is_told_in_a_line_of_its_own(text, told):
    with pytest.raises(ConfigError, match=told) as caught:
        loaded(text)
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_of_several_types_one_is_told():
    with pytest.raises(ConfigError, match=r"delta=.1.: input should be a valid num[a-z]+$"):
        load_preset("tiny", {"codec.options.delta": [1]})


def test_a_fault_of_the_file_is_told_with_the_file(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("extends: tiny\ntraining: {batch_sice: 8}\n")
    with pytest.raises(
        ConfigError, match=r"mine\.yaml: training\.batch_sice: no such .*batch_size"
    ):
        load_preset(file, {"training.steps": 5})


def test_every_setting_has_a_dotted_name():
    names = list(setting_names(Preset))
    assert {"checkpoint", "unet.source", "training.betas", "data.mix"} <= set(names)
    assert not {"name", "overrides", "training"} & set(names)
    for name in names:
        parse_overrides(Preset, [f"{name}=null"])
