"""The noise schedule: the checkpoint's own where the preset does not say otherwise."""

import json

import pytest

from tests.support.models.checkpoints import KINDS
from unigs.config.preset import load_preset
from unigs.errors import ConfigError, ModelError
from unigs.models.noise_schedule import build_scheduler, complete_schedule


@pytest.fixture
def checkpoint(tmp_path, request):
    """The scheduler of a checkpoint alone, in a folder with blanks in its name."""
    folder = tmp_path / "my models" / request.param
    KINDS[request.param]["scheduler"].save_pretrained(folder / "scheduler")
    return folder


@pytest.mark.parametrize("checkpoint", KINDS, indirect=True)
def test_the_schedule_is_the_checkpoints(checkpoint):
    kind = checkpoint.name
    preset = complete_schedule(load_preset(kind, {"checkpoint": str(checkpoint)}))
    config = build_scheduler(preset.diffusion).config
    assert config["prediction_type"] == ("v_prediction" if kind == "sd21" else "epsilon")
    assert (config["beta_schedule"], config["steps_offset"]) == ("scaled_linear", 1)
    assert (config["beta_start"], config["beta_end"]) == (0.00085, 0.012)
    assert config["clip_sample"] is False
    assert complete_schedule(preset) == preset
    json.dumps(preset.model_dump(mode="json"))


@pytest.mark.parametrize("checkpoint", ["sd21"], indirect=True)
def test_the_preset_says_otherwise_setting_by_setting(checkpoint):
    changes = {
        "checkpoint": str(checkpoint),
        "diffusion.scheduler.rescale_betas_zero_snr": True,
        "diffusion.scheduler.timestep_spacing": "trailing",
    }
    preset = complete_schedule(load_preset("sd21", changes))
    config = build_scheduler(preset.diffusion).config
    assert config["timestep_spacing"] == "trailing"
    assert config["rescale_betas_zero_snr"] is True
    assert config["prediction_type"] == "v_prediction"
    wrong = load_preset("sd21", {**changes, "diffusion.scheduler.no_such": 1})
    with pytest.raises(ConfigError, match="no_such"):
        build_scheduler(complete_schedule(wrong).diffusion)


def test_without_a_schedule_of_its_own_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"scheduler_config\.json"):
        complete_schedule(load_preset("sd15", {"checkpoint": str(tmp_path)}))
    with pytest.raises(ConfigError, match="complete it from the checkpoint"):
        build_scheduler(load_preset("sd15").diffusion)


def test_a_preset_from_scratch_stays_as_it_is():
    preset = load_preset("tiny")
    assert complete_schedule(preset) is preset
