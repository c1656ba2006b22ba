"""How often the sensors look."""

import pytest

from pipelines.automation.intervals import VARIABLE, look_seconds
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
