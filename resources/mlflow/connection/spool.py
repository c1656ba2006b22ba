"""What MLflow could not take when it was logged: kept on disk, delivered later in order and once.

``STORE/undelivered/RUN.jsonl`` holds a JSON line per entry of the MLflow run RUN, the oldest first:
numbers of a step, a picture (a copy of it lies in ``RUN/`` beside), or how the run ended. Numbers
keep the time at which they were measured. The records take the same number of the same time once,
so that it may be sent again after a kill between sending it and removing its line.
"""

import fcntl
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from resources.mlflow.connection.access import said_of, taken_later
from unigs.errors import one_line
from unigs.io.files import replacing

logger = logging.getLogger(__name__)

FOLDER = "undelivered"
METRICS, PICTURE, END = "metrics", "picture", "end"
# MLflow takes a thousand numbers at a time.
_NUMBERS = 1000
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 60.0

Entry = Mapping[str, Any]
# Sends entries of one run: one of any kind, or several of numbers.
Send = Callable[[str, Sequence[Entry]], None]


def now() -> int:
    """Return the time as MLflow counts it: in milliseconds."""
    return int(time.time() * 1000)


class Spool:
    """The entries that wait.

    Args:
        folder: `FOLDER` of the store; made when something is to wait.
        send: hands entries to MLflow, or raises.
    """

    def __init__(self, folder: Path, send: Send) -> None:
        self.folder, self._send = folder, send

    def file(self, run_id: str) -> Path:
        """Return the file of a run, which exists while something waits."""
        return self.folder / f"{run_id}.jsonl"

    def put(self, run_id: str, entry: Entry) -> None:
        """Let an entry wait behind those of its run; of a picture its file is copied."""
        with self._alone():
            if entry["kind"] == PICTURE:
                copy = self.folder / run_id / f"{entry['name']}.png"
                copy.parent.mkdir(exist_ok=True)
                shutil.copyfile(entry["file"], copy)
                entry = {**entry, "file": copy.relative_to(self.folder).as_posix()}
            with self.file(run_id).open("ab+") as stream:
                if stream.tell() and not _ends_a_line(stream):
                    stream.write(b"\n")  # of a process that was killed, or a disk that was full
                stream.write(f"{json.dumps(entry)}\n".encode())

    def deliver(self) -> int:
        """Deliver what waits, of all runs; return the number of entries.

        What MLflow refuses for good is set aside as ``RUN.refused.jsonl``, with a warning.

        Raises:
            Exception: MLflow does not answer, or refuses the user; what it has not taken goes on
                waiting.
        """
        if not self.folder.is_dir():
            return 0
        with self._alone():
            files = [file for file in self.folder.glob("*.jsonl") if "." not in file.stem]
            return sum(self._deliver(file) for file in sorted(files))

    def _deliver(self, file: Path) -> int:
        run_id, left, done, refused = file.stem, list(_entries(file)), 0, ""
        aside = file.with_name(f"{run_id}.refused.jsonl")
        for batch in list(_batches(left)):
            try:
                self._send(run_id, [self._found(entry) for entry in batch])
                done += len(batch)
            except Exception as error:
                if taken_later(error):
                    _write(file, left)
                    raise
                # What follows is tried all the same: the end above all, or the run would never end.
                with aside.open("a", encoding="utf-8") as kept:
                    kept.write(_lines(batch))
                refused = refused or one_line(f"{error}")
            left = left[len(batch) :]
        file.unlink()
        if refused:
            logger.warning("MLflow refuses what is in %s: %s", aside, refused)
        else:
            shutil.rmtree(self.folder / run_id, ignore_errors=True)
        return done

    def _found(self, entry: Entry) -> Entry:
        return {**entry, "file": self.folder / entry["file"]} if "file" in entry else entry

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class Outbox:
    """Logs of a run that goes on when MLflow does not answer, or no longer takes its password.

    Args:
        spool: where entries wait meanwhile.
        run_id: of MLflow.
        say: told once when MLflow stops to take entries, and once when it takes them again.
    """

    def __init__(self, spool: Spool, send: Send, run_id: str, say: Callable[[str], None]) -> None:
        self._spool, self._send, self._run_id, self._say = spool, send, run_id, say
        self._away = False
        self._wait, self._next_try = _FIRST_WAIT_SECONDS, 0.0

    def metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log numbers of a step."""
        self._log({"kind": METRICS, "step": step, "time": now(), "metrics": dict(metrics)})

    def picture(self, name: str, file: Path) -> None:
        """Log a PNG file."""
        self._log({"kind": PICTURE, "name": name, "file": str(file)})

    def close(self) -> None:
        """Try to deliver what waits; what cannot be delivered is left for the next run."""
        if self._away:
            self._next_try = 0.0
            self._try()

    def _log(self, entry: Entry) -> None:
        if not self._away:
            try:
                self._send(self._run_id, [entry])
                return
            except Exception as error:
                if not taken_later(error):
                    raise
                self._away = True
                self._wait_longer()
                file = self._spool.file(self._run_id)
                self._say(f"{said_of(error)}: what is logged waits in {file}")
        self._spool.put(self._run_id, entry)
        self._try()

    def _try(self) -> None:
        if time.monotonic() < self._next_try:
            return
        try:
            done = self._spool.deliver()
        except Exception as error:
            if not taken_later(error):
                raise
            self._wait_longer()
            return
        self._away, self._wait = False, _FIRST_WAIT_SECONDS
        self._say(f"MLflow takes entries again: {done} entries that waited are delivered")

    def _wait_longer(self) -> None:
        self._next_try = time.monotonic() + self._wait
        self._wait = min(2 * self._wait, _LONGEST_WAIT_SECONDS)


def _ends_a_line(stream: BinaryIO) -> bool:
    stream.seek(-1, os.SEEK_END)
    return stream.read(1) == b"\n"


def _entries(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_bytes().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue  # the process was killed while it wrote the line


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Yield entries in order: those of numbers together, as many as MLflow takes."""
    batch: list[Entry] = []
    numbers = 0
    for entry in entries:
        count = len(entry["metrics"]) if entry["kind"] == METRICS else _NUMBERS
        if batch and numbers + count > _NUMBERS:
            yield batch
            batch, numbers = [], 0
        batch.append(entry)
        numbers += count
    if batch:
        yield batch


def _write(file: Path, entries: Sequence[Entry]) -> None:
    with replacing(file) as partial:
        partial.write_text(_lines(entries), "utf-8")


def _lines(entries: Sequence[Entry]) -> str:
    return "".join(f"{json.dumps(entry)}\n" for entry in entries)
