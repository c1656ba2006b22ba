"""How often the sensors look, and that a look opens nothing."""

import dagster as dg
import pytest

from pipelines.automation.looks import VARIABLE, instance_of, look_seconds
from unigs.errors import ConfigError


def test_the_variable_counts_for_all_and_none_leaves_each_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "")
    assert look_seconds(60) == 60
    monkeypatch.setenv(VARIABLE, "300")
    assert look_seconds(60) == look_seconds(30) == 300


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "often"])
def test_what_is_no_time_is_told(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(VARIABLE, given)
    with pytest.raises(ConfigError, match=f"UNIGS_LOOK_SECONDS={given}"):
        look_seconds(60)


def test_the_records_are_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with dg.instance_for_test() as instance:
        opened = []
        from_ref = dg.DagsterInstance.from_ref

        def counted(reference: object) -> dg.DagsterInstance:
            opened.append(from_ref(reference))  # type: ignore[arg-type]
            return opened[-1]

        monkeypatch.setattr(dg.DagsterInstance, "from_ref", counted)
        for _ in range(3):
            # as the daemon hands it over
            context = dg.build_sensor_context(instance_ref=instance.get_ref())
            assert instance_of(context).root_directory == instance.root_directory
        assert len(opened) == 1


def test_an_instance_that_was_given_is_taken() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert instance_of(dg.build_sensor_context(instance)) is instance
