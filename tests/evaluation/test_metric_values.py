import math

import pytest

from unigs.errors import DataError
from unigs.evaluation.metric_values import MetricValue, MetricValues, Role

CLIP = "shapes-clip.1a2b3c4d"
NAMES = {
    "miou": MetricValue("miou", 0.5, note="few images"),
    f"kid.{CLIP}": MetricValue("kid", math.nan, CLIP),
    "protocol.single.miou": MetricValue("miou", 0.4, protocol="single"),
    "untrained.miou": MetricValue("miou", 0.1, role=Role.UNTRAINED),
    "miou.coarse_mask_baseline": MetricValue("miou", 0.2, "", Role.BASELINE, "coarse_mask"),
    f"real_ceiling.miou.{CLIP}": MetricValue("miou", 0.9, CLIP, Role.CEILING, "real"),
}


@pytest.mark.parametrize(("name", "value"), NAMES.items())
def test_names_are_those_of_the_documentation(name, value):
    assert value.name == name


def test_fields_survive_the_disk(tmp_path):
    values = MetricValues(tuple(NAMES.values()))
    values.write(tmp_path)
    again = MetricValues.read(tmp_path)
    assert repr(again) == repr(values)
    assert [value.note for value in again] == ["few images", *[""] * 5]
    assert all(isinstance(value.role, Role) for value in again)


def test_values_are_chosen_by_their_fields():
    values = MetricValues(tuple(NAMES.values()))
    own = values.where(lambda v: v.role is Role.MODEL and not v.protocol)
    assert list(own.named()) == ["miou", f"kid.{CLIP}"]
    moved = own.changed(role=Role.CEILING, source="codec")
    assert list(moved.named()) == ["codec_ceiling.miou", f"codec_ceiling.kid.{CLIP}"]


def test_no_two_values_have_one_name():
    one = MetricValues((MetricValue("miou", 0.5),))
    with pytest.raises(ValueError, match=r"one name.*miou"):
        one + one


@pytest.mark.parametrize("content", ["", "{}", "[{}]", '[{"metric": "miou", "value": 1}]'])
def test_a_file_that_holds_no_values_is_named(tmp_path, content):
    with pytest.raises(DataError, match=r"metric_values\.json.*no metrics"):
        MetricValues.read(tmp_path)
    (tmp_path / "metric_values.json").write_text(content)
    with pytest.raises(DataError, match=r"metric_values\.json.*no metrics"):
        MetricValues.read(tmp_path)
