"""Progress of a training: the expected duration, then one updating line."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

# From here on the rate is known well enough to say again how long the rest will take.
RATE_STEPS, RATE_SECONDS = 100, 45.0
_STATE = re.compile(r"^step (\d+) of (\d+): (.+)$")


def duration(seconds: float) -> str:
    """``40 s``, ``7.2 min`` or ``3.4 h``."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def training_state(text: str) -> tuple[int, int, str] | None:
    """Return (step, steps, the rest) of a line that `TrainingTeller` shows; None of any other
    text."""
    found = _STATE.match(text)
    return None if found is None else (int(found[1]), int(found[2]), found[3])


class TrainingTeller:
    """A log callback of a training that prints progress.

    Args:
        steps: of the whole run, unless a metric of that name says that they have become fewer.
        say: called twice with the expected duration: early, and when the rate is known.
        show: called with the state (``step 120 of 2000: loss ...``) whenever there are metrics.
    """

    def __init__(self, steps: int, say: Callable[[str], None], show: Callable[[str], None]) -> None:
        self.steps, self._say, self._show = steps, say, show
        self._first: tuple[int, float] | None = None
        self._rate_known = False

    def __call__(self, step: int, metrics: Mapping[str, float]) -> None:
        if "loss" not in metrics:
            return
        steps = int(metrics.get("steps", self.steps))
        if steps != self.steps:
            self._say(f"training: {steps:,} of {self.steps:,} steps fit its time")
            self.steps = steps
        rate = f"{metrics['samples_per_second']:.1f} samples/s"
        left = duration(metrics["remaining_seconds"])
        now = time.monotonic()
        if self._first is None:
            self._first = step, now
            if step < self.steps:
                count = f"{self.steps - step:,} steps"
                self._say(f"training: about {left} for {count}, by the first ones ({rate})")
        elif not self._rate_known and step < self.steps:
            seen, began = self._first
            if step - seen >= RATE_STEPS or now - began >= RATE_SECONDS:
                self._rate_known = True
                self._say(f"training: {left} more, by its rate so far ({rate})")
        self._show(f"step {step} of {self.steps}: loss {metrics['loss']:.4f}, {rate}, {left} left")


class TrainingLine:
    """Where lines and a training's state are written: on a terminal the state is one line that
    moves, below the others; elsewhere it is a plain line at most every ``every_seconds``.

    Used as a context manager, whose end leaves the terminal as it was found.
    """

    def __init__(self, stream: TextIO, every_seconds: float = 20.0) -> None:
        self._console = Console(file=stream)
        self._every, self._written = every_seconds, -every_seconds
        self._bar: tuple[Progress, TaskID] | None = None

    def say(self, line: str) -> None:
        """Write a line of its own."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self, state: str) -> None:
        """Take in the newest state of a training."""
        parts = training_state(state)
        if parts is None:
            self.say(state)
        elif self._console.is_terminal:
            self._move(*parts)
        elif parts[0] == parts[1] or time.monotonic() - self._written >= self._every:
            self._written = time.monotonic()
            self.say(f"    {state}")

    def _move(self, step: int, steps: int, rest: str) -> None:
        if self._bar is None:
            bar = Progress(
                TextColumn("    step {task.completed:.0f} of {task.total:.0f}"),
                BarColumn(24),
                TextColumn("{task.description}", markup=False),
                console=self._console,
                redirect_stdout=False,
                redirect_stderr=False,
                refresh_per_second=2,
            )
            bar.start()
            self._bar = bar, bar.add_task(rest, total=steps)
        bar, task = self._bar
        bar.update(task, completed=step, description=rest)
        if step == steps:
            self.close()

    def close(self) -> None:
        """End the updating line."""
        if self._bar is not None:
            self._bar[0].stop()
            self._bar = None

    def __enter__(self) -> TrainingLine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
