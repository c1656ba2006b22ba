"""The settings of a run, as the launchpad shows and takes them."""

import pytest

from resources.run_settings import GraphSettings
from unigs.config.overrides import spelled, unspelled
from unigs.config.preset import Preset
from unigs.errors import ConfigError


def test_the_launchpad_names_every_setting_that_can_be_changed() -> None:
    fields = GraphSettings.model_fields
    told = fields["overrides"].description or ""
    for name in ("checkpoint", "unet.source", "training.batch_size", "evaluation.clip"):
        assert f"\n{name}" in told
    assert "\ntraining.batch_size: samples per optimiser step over all processes.\n" in told
    assert all(field.description for field in fields.values())


def test_null_goes_through_a_configuration_that_has_none() -> None:
    settings = GraphSettings(
        preset="photo",
        overrides=spelled({"training.patience": None, "codec.decoder": "null", "data.size": 64}),
    )
    assert settings.overrides["training.patience"] == "null"
    deep = {"unet.architecture": {"a": None, "b": [1, None, "x"], "c": 0}}
    assert "None" not in str(spelled(deep))
    assert unspelled(Preset, spelled(deep)) == deep
    values = settings.values
    assert values.training.patience is None
    assert values.codec.decoder == "null", "a text is a text"
    assert values.data.size == 64


def test_overrides_of_the_launchpad_are_checked_like_others() -> None:
    changed = GraphSettings(preset="sd15", overrides={"checkpoint": "a b", "data.size": 64})
    assert (changed.values.unet.source, changed.values.data.size) == ("a b", 64)
    with pytest.raises(ConfigError, match=r"data\.sise=64: no such setting; did you mean data\.si"):
        GraphSettings(overrides={"data.sise": 64}).values  # noqa: B018
