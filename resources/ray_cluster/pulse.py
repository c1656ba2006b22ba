"""How a job on another machine learns that the run which started it is gone.

Nothing of Ray ends a job whose submitter died (dagster-ray#282). The launcher writes a file on the
shared file system again and again; a job that no longer sees it change ends itself.
"""

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BEAT_SECONDS = 2.0
_GRACE_SECONDS = 60.0


@contextmanager
def beating(file: Path) -> Iterator[None]:
    """Write ``file`` anew every ``BEAT_SECONDS`` during the block; it is removed after it."""
    ended = threading.Event()

    def beat() -> None:
        for number in itertools.count():
            # A full disk must not end the run; the job notices when it lasts.
            with suppress(OSError):
                file.write_text(str(number), encoding="ascii")
            if ended.wait(BEAT_SECONDS):
                return

    file.parent.mkdir(parents=True, exist_ok=True)
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        file.unlink(missing_ok=True)


def end_without(file: Path, lost_seconds: float) -> None:
    """End this process once ``file`` has not changed for ``lost_seconds``.

    It gets SIGTERM first, so that a training can write its checkpoint; SIGKILL follows. Ray ends
    the workers of a job whose driver is gone. Contents are compared, no times: clocks of two
    machines differ.
    """
    threading.Thread(target=_watch, args=(file, lost_seconds), daemon=True).start()


def _watch(file: Path, lost_seconds: float) -> None:
    last, since = _read(file), time.monotonic()
    while time.monotonic() - since < lost_seconds:
        time.sleep(min(BEAT_SECONDS, lost_seconds / 4))
        now = _read(file)
        if now is not None and now != last:
            last, since = now, time.monotonic()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii")
    except OSError:
        return None
