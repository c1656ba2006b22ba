"""Run a child process under Dagster Pipes that never outlives its run."""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from dagster import (
    AssetExecutionContext,
    PipesTempFileContextInjector,
    PipesTempFileMessageReader,
    open_pipes_session,
)
from pydantic import Field

from resources.launcher import Launcher, Work
from unigs.errors import TransientError, UnigsError

PARENT_VARIABLE = "UNIGS_PARENT_PID"
# The code of a child that goes on from where it stopped when it is started again.
START_AGAIN = os.EX_TEMPFAIL
_TAIL_LINES = 30


class ProcessFailed(UnigsError):
    """A child process ended with another code than 0; the message holds its last line."""


class ProcessLost(ProcessFailed, TransientError):
    """A child process was killed by a signal, or asks to be started again."""


class ProcessLauncher(Launcher):
    """Processes on this machine: a command is started in a process group of its own and ends with
    its run, by SIGTERM first and by SIGKILL after grace_seconds."""

    # Dagster's stock subprocess client signals the child alone and leaves it running when the run
    # worker dies. The child learns its parent's id, and ends itself when that parent goes away
    # (resources.process.lifeline).

    grace_seconds: float = Field(
        default=60.0, description="time that a training has to write its checkpoint when cancelled"
    )

    def start(
        self,
        context: AssetExecutionContext,
        module: str,
        order: Mapping[str, Any],
        place: Path,
    ) -> None:
        self.run(context, [sys.executable, "-m", module], extras=order)

    def call(
        self, context: AssetExecutionContext, work: Work, order: Mapping[str, Any], place: Path
    ) -> Any:
        """In the process of the run, which starts workers of its own."""
        return work(order, None)

    def run(
        self,
        context: AssetExecutionContext,
        command: Sequence[str],
        *,
        extras: Mapping[str, object] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Run ``command`` (no shell) to its end; ``extras`` reach the child through Pipes.

        Raises :class:`ProcessFailed` with the last line the child wrote when it fails,
        :class:`ProcessLost` when it was killed or can go on; the run's log has the lines before it.
        """
        with open_pipes_session(
            context=context,
            context_injector=PipesTempFileContextInjector(),
            message_reader=PipesTempFileMessageReader(),
            extras=dict(extras or {}),
        ) as session:
            process = subprocess.Popen(
                list(command),
                env={
                    **os.environ,
                    **(env or {}),
                    **session.get_bootstrap_env_vars(),
                    PARENT_VARIABLE: str(os.getpid()),
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            tail: deque[str] = deque(maxlen=_TAIL_LINES)
            assert process.stdout is not None
            echo = threading.Thread(target=_echo, args=(process.stdout, tail), daemon=True)
            echo.start()
            try:
                code = process.wait()
            finally:
                end_group(process, self.grace_seconds)
                echo.join(timeout=5)
        if code != 0:
            if tail:
                context.log.error("last output of the child process:\n%s", "\n".join(tail))
            kind = ProcessLost if code < 0 or code == START_AGAIN else ProcessFailed
            raise kind(_last_output(command, code, tail))


def _echo(stream: IO[str], tail: deque[str]) -> None:
    for line in stream:
        sys.stderr.write(line)
        if line.strip():
            tail.append(line.rstrip())


def _last_output(command: Sequence[str], code: int, tail: deque[str]) -> str:
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
    words = tail[-1] if tail else "it wrote nothing"
    return f"{' '.join(command[1:3])} ended with {how}: {words}"


def end_group(process: subprocess.Popen, grace_seconds: float) -> None:
    """SIGTERM the process group of ``process``, SIGKILL what is left after ``grace_seconds``."""
    if not _signal_group(process.pid, signal.SIGTERM):
        return
    try:
        process.wait(timeout=grace_seconds)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _signal_group(group: int, number: signal.Signals) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
