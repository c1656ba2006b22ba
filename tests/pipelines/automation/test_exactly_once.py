"""Whatever happens to files, runs, daemon and clock, the sensor asks once for what is new."""

import itertools
import shutil
import tempfile
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.automation import sensors
from tests.pipelines.automation.conftest import Clock
from tests.support.runs.arrivals import TRAIN, VAL, Place

DAY = 86400.0

# What may happen between two looks, and then the sensor looks.
EVENTS = st.sampled_from(
    ["train", "val", "back", "touch", "image", "well", "failed", "cancelled", "restart", "lost",
     "clock", "later", "nothing", "twice"]
)  # fmt: skip


@settings(max_examples=25)
@given(st.lists(EVENTS, max_size=14))
def test_whatever_happens_nothing_is_asked_for_twice_and_nothing_is_lost(events: list[str]) -> None:
    clock, numbers = Clock(), itertools.count()
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as folder,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        patch.setattr(sensors, "time", clock)
        place = Place(Path(folder), instance)

        def look() -> None:
            found = place.tick()
            if isinstance(found, dg.RunRequest):
                assert place.queued is None, "asked for beside a run"
                assert found.run_key not in place.keys, "asked for twice"
                place.queue(found)
            else:
                assert " " in found

        for event in events:
            if event in ("train", "val"):
                place.put(TRAIN if event == "train" else VAL, f'{{"n": {next(numbers)}}}')
            elif event == "back":
                place.put(TRAIN, "{}")
            elif event == "touch":
                (place.root / VAL).touch()
            elif event == "image":
                place.put(f"train2017/{next(numbers)}.jpg", "image")
            elif event == "restart":
                place.cursor = None
            elif event == "lost":
                shutil.rmtree(place.store.base / "sensors", ignore_errors=True)
            elif event == "clock":
                clock.ahead -= DAY
            elif event == "later":
                clock.ahead += DAY
            elif event in ("well", "failed", "cancelled") and place.queued:
                place.end(event)
            if event == "twice":
                look()
            look()
        # whatever it was, it comes to rest: a run has seen the files as they are
        for _ in range(8):
            if place.queued:
                place.end("well")
            clock.ahead += DAY
            look()
        assert place.queued is None
        last = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]), limit=1)
        assert last, "no run was ever asked for"
        assert "none changed since run" in str(place.tick())
