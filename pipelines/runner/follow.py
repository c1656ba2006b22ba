"""Follow a run: progress lines on stderr, and the reason of a failure."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import dagster as dg

from assets_defs.run.keys import asset_name
from resources.process.run_lock import has_worker
from unigs.errors import DataError
from unigs.workflows.training_progress import training_state

_POLL_SECONDS = 0.3
_CANCEL_SECONDS = 120.0
_LOOK_SECONDS, _LOST_SECONDS = 2.0, 15.0
# What Dagster itself writes into the log between the assets' own lines.
_NOISE = ("Dependencies for step ", "[pipes] ")


class ErrorInfo(Protocol):
    """An error as Dagster's events carry it; ``cause`` is what it was raised from."""

    @property
    def message(self) -> str: ...
    @property
    def cls_name(self) -> str | None: ...
    @property
    def cause(self) -> "ErrorInfo | None": ...


@dataclass
class Progress:
    """Progress of a run: assets reused and built, and the first failure.

    ``say`` takes lines; ``show`` the newest state of a training, which takes the place of the one
    before it.
    """

    say: Callable[[str], None]
    show: Callable[[str], None]
    cached: list[str] = field(default_factory=list)
    built: list[str] = field(default_factory=list)
    failure: str | None = None
    _started: dict[str, float] = field(default_factory=dict)

    def tell(self, entry: dg.EventLogEntry) -> None:
        """Take in one entry of the event log."""
        event = entry.dagster_event
        if event is None:
            self._message(int(entry.level), entry.user_message)
            return
        step = (event.step_key or "").replace("__", "/")
        match event.event_type:
            case dg.DagsterEventType.STEP_START:
                self._started[step] = entry.timestamp
                self.say(f"> {step}")
            case dg.DagsterEventType.ASSET_MATERIALIZATION:
                self._count(event)
            case dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                self._tell_check(event.asset_check_evaluation_data)
            case dg.DagsterEventType.STEP_SUCCESS:
                seconds = entry.timestamp - self._started.get(step, entry.timestamp)
                self.say(f"  {step}: {seconds:.1f} s")
            case dg.DagsterEventType.STEP_FAILURE:
                reason = reason_of(event.step_failure_data.error)
                self.say(f"  {step} FAILED: {reason}")
                self.failure = self.failure or f"{step}: {reason}"
            case dg.DagsterEventType.RUN_FAILURE:
                # without data: its worker was killed, which Dagster's message tells
                data = event.event_specific_data
                told = (reason_of(event.job_failure_data.error) if data else event.message) or ""
                self.failure = self.failure or told or "the run failed"

    def _message(self, level: int, text: str) -> None:
        if level < logging.INFO or text.startswith(_NOISE):
            return
        if training_state(text) is None:
            self.say(f"    {text}")
        else:
            self.show(text)

    def _count(self, event: dg.DagsterEvent) -> None:
        name = asset_name(event.asset_key) if event.asset_key else ""
        cached = event.materialization.metadata.get("cached")
        names = self.cached if cached is not None and cached.value is True else self.built
        if name not in names:
            names.append(name)

    def _tell_check(self, check: dg.AssetCheckEvaluation) -> None:
        if check.passed:
            return
        asset = asset_name(check.asset_key)
        line = f"{asset}: {check.check_name}: {check.description or 'the check failed'}"
        self.say(f"  {line}")
        if check.blocking:
            self.failure = self.failure or line

    def summary(self) -> str:
        """Return one line: what was reused and what was built."""
        if not self.built:
            return f"nothing had changed: all {len(self.cached)} assets were cached"
        return (
            f"{len(self.built)} assets built ({', '.join(self.built)}), {len(self.cached)} cached"
        )


def reason_of(error: ErrorInfo | None) -> str:
    """Return the first error of a chain that is not Dagster's own, in one line."""
    while error is not None and error.cause and (error.cls_name or "").startswith("Dagster"):
        error = error.cause
    if error is None:
        return ""
    if error.cls_name == "DagsterExecutionInterruptedError":
        return "interrupted"
    return " ".join(error.message.split()).split("Error: ", 1)[-1]


class Worker:
    """Tells whether the worker of a run is gone without a word: its code server marks a run whose
    worker was killed as failed, but where it cannot write its records nobody does."""

    def __init__(self, home: Path, run_id: str) -> None:
        self._home, self._run_id = home, run_id
        self._seen, self._gone_since, self._next_look = False, 0.0, 0.0

    def is_lost(self) -> bool:
        """Return whether it was seen, and for some time has not been."""
        now = time.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + _LOOK_SECONDS
        if has_worker(self._home, self._run_id):
            self._seen, self._gone_since = True, now
        return self._seen and now - self._gone_since > _LOST_SECONDS


def follow(
    instance: dg.DagsterInstance, run_id: str, progress: Progress, worker: Worker | None = None
) -> dg.DagsterRunStatus:
    """Report a run until it ends. A KeyboardInterrupt cancels it, waits for that, and returns.

    Args:
        worker: of the run; it is marked as failed when this one is lost.

    Raises:
        DataError: there is no such run any more.
    """
    cursor: str | None = None
    deadline: float | None = None
    while True:
        try:
            run = instance.get_run_by_id(run_id)
            if run is None:
                raise DataError(f"the record of run {run_id} is gone", hint="is the disk mounted?")
            cursor = _tell_new(instance, run_id, cursor, progress)
            if run.is_finished:
                return run.status
            if worker is not None and worker.is_lost():
                progress.failure = progress.failure or "the run's worker ended without a word"
                instance.report_run_failed(run, progress.failure)
                return dg.DagsterRunStatus.FAILURE
            if deadline is not None and time.monotonic() > deadline:
                progress.failure = "the run did not stop when asked to"
                return dg.DagsterRunStatus.CANCELING
            time.sleep(_POLL_SECONDS)
        except KeyboardInterrupt:
            if deadline is None:
                deadline = time.monotonic() + _CANCEL_SECONDS
                progress.say("cancelling the run; a training writes its checkpoint first")
                instance.run_launcher.terminate(run_id)


def _tell_new(
    instance: dg.DagsterInstance, run_id: str, cursor: str | None, progress: Progress
) -> str | None:
    while True:
        connection = instance.get_records_for_run(run_id, cursor=cursor)
        for record in connection.records:
            progress.tell(record.event_log_entry)
        cursor = connection.cursor
        if not connection.has_more:
            return cursor
