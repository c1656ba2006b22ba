"""Assets are run without a plan, which takes longer than they do; test_planning.py has it."""

import pytest

from assets_defs import data


@pytest.fixture(autouse=True)
def unplanned(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.path.name != "test_planning.py":
        monkeypatch.setattr(data, "require_fit", lambda store, settings: None)
