"""Presets are checked when they are read."""

from importlib import resources

import pytest
import torch

from unigs.config.preset import load_preset
from unigs.errors import ConfigError
from unigs.models.unet import build_unet

SHIPPED = sorted(
    file.name.removesuffix(".yaml")
    for file in resources.files("unigs.presets").iterdir()
    if file.name.endswith(".yaml")
)


def test_three_sizes_ship():
    assert {"tiny", "small", "sd15"} <= set(SHIPPED)


def test_small_is_between_tiny_and_sd15():
    sizes = []
    for name in ("tiny", "small", "sd15"):
        preset = load_preset(name)
        with torch.device("meta"):
            unet = build_unet(preset.unet.architecture or "sd15", latent_channels=16)
        sizes.append((preset.data.size, unet.num_parameters()))
    assert sizes == sorted(sizes)
    assert len({parameters for _, parameters in sizes}) == 3


def test_small_sees_more_of_what_tiny_sees():
    tiny, small = load_preset("tiny"), load_preset("small")
    samples = [p.training.steps * p.training.batch_size for p in (tiny, small)]
    assert samples[1] > 2 * samples[0]
    assert small.data == tiny.data


def test_latents_of_a_preset_go_through_its_unet():
    for name in ("tiny", "small"):
        preset = load_preset(name)
        side = preset.data.size // preset.autoencoder.patch_size
        channels = preset.autoencoder.latent_channels
        with torch.device("meta"):
            unet = build_unet(preset.unet.architecture, channels)
            inputs = torch.empty(1, 3 * channels + 1, side, side)
            text = torch.empty(1, preset.text.max_length, preset.text.hidden_size)
            task = torch.empty(1, dtype=torch.int64)
            assert unet(inputs, task, text, task).sample.shape == (1, 2 * channels, side, side)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_preset_that_ships_is_valid(name):
    preset = load_preset(name)
    assert preset.name == name
    from unigs.colormap import Palette
    from unigs.models.noise_schedule import build_scheduler

    build_scheduler(preset.diffusion)
    assert Palette.from_name(preset.codec.palette).name == preset.codec.palette


def test_sd15_keeps_to_the_paper():
    preset = load_preset("sd15")
    assert (preset.data.train_entities, preset.data.test_entities) == (4, 3)
    assert preset.training.ratios == {
        "inpainting": 0.3, "synthesis": 0.3, "referring": 0.2, "entity": 0.2,
    }  # fmt: skip
    assert (preset.training.epochs, preset.training.single_task_epochs) == (96, 48)
    assert set(preset.inference.steps.values()) == {200}
    assert preset.data.size == 512
    assert preset.data.all_negative == 0
    assert (preset.codec.decoder, preset.codec.options) == ("pdm", {"delta": 10})
    assert preset.unet.source == "stable-diffusion-v1-5/stable-diffusion-inpainting"
    assert preset.diffusion.scheduler["prediction_type"] == "epsilon"


def test_overrides_reach_the_value():
    preset = load_preset("tiny", {"training.steps": 7, "diffusion.scheduler.beta_end": 0.02})
    assert preset.training.steps == 7
    assert preset.diffusion.scheduler["beta_end"] == 0.02


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"training.no_such": 1}, "training.no_such"),
        ({"training.batch_size": 0}, "training.batch_size"),
        ({"inference.steps": {"entity": 1}}, "inference.steps"),
        ({"unet.source": "somewhere"}, "unet.source or unet.architecture"),
    ],
)
def test_a_wrong_value_is_named(overrides, named):
    with pytest.raises(ConfigError, match=named):
        load_preset("tiny", overrides)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"training.end_to_end": 0.0}, r"training\.end_to_end: no longer .*\(delete it"),
        ({"training.min_snr_gamma": None}, r"training\.min_snr_gamma: no longer .*\(delete it"),
        ({"training.colormap_median": True}, r"colormap_median: no longer .*colormap_loss"),
        ({"diffusion.quiet_start": []}, r"quiet_start: no longer .*zero_initial_noise"),
        ({"data.refused_share": 0.1}, r"refused_share: no longer .*quarantined_share"),
        ({"training.optimizer": "adamw_8bit"}, r"adamw_8bit: no longer .*\(take adamw"),
    ],
)
def test_a_setting_of_an_earlier_version_is_told_what_to_do(overrides, told):
    with pytest.raises(ConfigError, match=rf"tiny\.yaml: .*{told}"):
        load_preset("tiny", overrides)


def test_unknown_presets_and_unreadable_files(tmp_path):
    with pytest.raises(ConfigError, match=r"no preset 'huge': give one of .*tiny"):
        load_preset("huge")
    broken = tmp_path / "broken.yaml"
    broken.write_text("data: [")
    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        load_preset(broken)
    with pytest.raises(ConfigError, match=r"missing\.yaml"):
        load_preset(tmp_path / "missing.yaml")


def test_lengths_at_the_last_timestep_need_zero_terminal_snr():
    given = {
        "diffusion.scheduler.rescale_betas_zero_snr": False,
        "diffusion.zero_initial_noise": [],
    }
    with pytest.raises(ConfigError, match="colormap_loss"):
        load_preset("tiny", given)
    load_preset("tiny", {**given, "training.colormap_loss": "squared"})
