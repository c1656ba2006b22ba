"""The settings of a run, as the launchpad shows and takes them."""

import pytest

from resources.run_settings import GraphSettings, absolute
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


@pytest.mark.parametrize("root", ["sftp://me:secret@host/set", "simplecache::s3://k:secret@b/set"])
def test_an_address_with_a_password_is_refused_and_not_shown(root: str) -> None:
    mixed = {"data.dataset": "coco_panoptic", "data.mix": {"coco_panoptic": {"root": root}}}
    for look in (
        lambda: absolute(root),
        lambda: GraphSettings(dataset="coco_panoptic", root=root).sources,
        lambda: GraphSettings(dataset="mix", root="/data", overrides=mixed).sources,
    ):
        with pytest.raises(ConfigError, match="holds a password") as told:
            look()
        assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "root", ["sftp://me@host:22/a:b@c", "abfs://set@account.net/x", "s3://b/x"]
)
def test_an_address_without_a_password_is_taken(root: str) -> None:
    assert absolute(root) == root
