"""Hours become steps by the measured rate, once, for a resumed training too."""

from pathlib import Path

import pytest

from tests.support.models.tiny_stream import RandomStream, tiny_unet
from tests.training.test_loop import DIFFUSION, training
from unigs.training import schedule
from unigs.training.loop import Interrupted, train
from unigs.training.schedule import MEASURED_STEPS, WARMING_STEPS, TimeBudget

KNOWN = WARMING_STEPS + MEASURED_STEPS


class Clock:
    """A second a step, after a first one that takes a minute."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 60.0 if self.now == 1.0 else 1.0
        return self.now


def settled(folder: Path, hours: float | None, steps: int, taken: int = KNOWN) -> list[int]:
    """The steps of the run after each of the steps taken."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schedule, "time", Clock())
        budget = TimeBudget(hours, folder)
        steps = budget.begin(steps)
        return [steps := budget.after(step, steps) for step in range(1, taken + 1)]


def test_as_many_steps_as_fit(tmp_path: Path) -> None:
    found = settled(tmp_path, 0.1, 1000, KNOWN + 5)
    assert found[: KNOWN - 1] == [1000] * (KNOWN - 1)
    # 360 s, of which these steps have taken theirs, at a second a step
    assert len(set(found[KNOWN - 1 :])) == 1
    assert 300 <= found[-1] <= 361


def test_never_more_than_the_preset_and_never_fewer_than_taken(tmp_path: Path) -> None:
    assert settled(tmp_path / "long", 100.0, 1000)[-1] == 1000
    (tmp_path / "short").mkdir()
    assert settled(tmp_path / "short", 0.001, 1000)[-1] == KNOWN


def test_without_hours_nothing_changes(tmp_path: Path) -> None:
    assert set(settled(tmp_path, None, 1000)) == {1000}
    assert not list(tmp_path.iterdir())
    assert TimeBudget(None, tmp_path).metrics(1000) == {}


def test_a_resumed_training_keeps_the_steps_that_were_settled(tmp_path: Path) -> None:
    first = settled(tmp_path, 0.1, 1000)[-1]
    assert settled(tmp_path, 0.1, 1000, 3) == [first] * 3
    assert settled(tmp_path, 0.2, 1000, 3) == [1000] * 3


def test_a_training_ends_at_the_step_that_fits(tmp_path: Path) -> None:
    logged: dict[int, dict[str, float]] = {}

    def learn(stop: int = 0) -> int:
        report = train(
            tiny_unet(), RandomStream(), training(steps=10_000, hours=1e-9), DIFFUSION, tmp_path,
            validation=RandomStream(8),
            log=lambda step, metrics: logged.setdefault(step, {}).update(metrics),
            should_stop=lambda: bool(stop) and max(logged, default=0) >= stop,
        )  # fmt: skip
        return report.steps

    with pytest.raises(Interrupted):
        learn(stop=2)
    # its time was measured anew, since it had not been
    assert learn() == 2 + KNOWN
    assert logged[2 + KNOWN]["steps"] == 2 + KNOWN
    assert "validation_loss" in logged[2 + KNOWN]
    assert learn() == 2 + KNOWN
