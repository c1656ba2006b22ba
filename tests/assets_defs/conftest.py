"""Assets are run without a plan, which takes longer than they do; test_planning.py has it."""

import pytest


@pytest.fixture(autouse=True)
def unplanned(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    # Here, since without Dagster the tests of this folder are skipped one by one.
    from assets_defs import data, training

    if request.path.name != "test_planning.py":
        for module in (data, training):
            monkeypatch.setattr(module, "require_fit", lambda store, settings: None)
