"""What a run refuses before Dagster starts."""

from pathlib import Path

import pytest

from pipelines import home
from pipelines.run import _parser, _run
from unigs.errors import ConfigError


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--dataset", "mix", "--preset", "tiny"), "mixes nothing"),
        (("--dataset", "mix", "--preset", "sd15"), "needs its folder"),
        (("--preset", "no_such"), "no preset"),
    ],
)
def test_settings_without_data_are_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
) -> None:
    monkeypatch.setattr(home, "prepare_home", lambda store: pytest.fail("the run began"))
    with pytest.raises(ConfigError, match=told):
        _run(_parser().parse_args([*arguments, "--store", str(tmp_path)]))
