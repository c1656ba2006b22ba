"""Jobs over several processes of this machine, which end with the one that started them."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from unigs.errors import TransientError

T = TypeVar("T")

# Two jobs a process keep it busy; more would hold what they bring along in memory for nothing.
JOBS_WAITING = 2


def over_processes(
    work: Callable[[T], object],
    jobs: Iterable[T],
    count: int,
    preload: list[str],
    prepare: Callable[[int], None] | None = None,
) -> Iterator[int]:
    """Do `work` on each of `jobs` in `count` processes; yield how many were done since the last.

    Args:
        work: a function of a module, since the processes start anew.
        jobs: asked for as processes become free.
        preload: modules that are imported once for all processes.
        prepare: called in each process before its first job, with the number of the process from
            0 on; a function of a module, or a partial of one.

    Raises:
        TransientError: a process was killed from outside.
        Exception: what `work` raised; the jobs that run are seen to their end, the others dropped.
    """
    with processes(count, preload, prepare) as pool:
        waiting: set[Future[object]] = set()
        for job in jobs:
            waiting.add(pool.submit(work, job))
            while len(waiting) >= JOBS_WAITING * count:
                yield _collect(waiting)
        while waiting:
            yield _collect(waiting)


@contextmanager
def processes(
    count: int, preload: list[str], prepare: Callable[[int], None] | None = None
) -> Iterator[ProcessPoolExecutor]:
    """Give an executor of `count` processes, which end with the one that started them.

    Args:
        preload: modules that are imported once for all processes.
        prepare: called in each process before its first job, with the number of the process from
            0 on; a function of a module, or a partial of one.

    Raises:
        TransientError: a process was killed from outside.
        Exception: what the body raised; the jobs that run are seen to their end, the others
            dropped.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(preload)
    numbers = context.Value("i", 0)
    lost, tell_lost = context.Pipe(duplex=False)
    with (
        lost,
        tell_lost,
        ProcessPoolExecutor(count, context, _start, (numbers, prepare, lost)) as pool,
    ):
        try:
            yield pool
        except BrokenProcessPool as error:
            # The pool ends the processes that it knows of, and then waits for all: also for one
            # that it was starting meanwhile.
            tell_lost.send(None)
            raise TransientError(
                "one of the processes was killed, perhaps for want of memory",
                hint="run again, what is finished stays; with fewer workers if it comes back",
            ) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _collect(waiting: set[Future[object]]) -> int:
    """Take the finished jobs out, at least one; returns how many, raises what they raised."""
    finished = futures.wait(waiting, return_when=futures.FIRST_COMPLETED).done
    for future in finished:
        waiting.remove(future)
        future.result()
    return len(finished)


def end_with_starter(*others: Connection) -> None:
    """Let this process end when the one that started it does: a killed one cannot stop others.

    Args:
        others: it also ends as soon as one of them can be read.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        ends = [parent.sentinel, *others]
        threading.Thread(target=_end_with, args=(ends,), daemon=True).start()


def _start(numbers: Any, prepare: Callable[[int], None] | None, lost: Connection) -> None:
    end_with_starter(lost)
    with numbers.get_lock():
        number = numbers.value
        numbers.value += 1
    if prepare is not None:
        prepare(number)


def _end_with(ends: list[int | Connection]) -> None:
    wait(ends)
    os._exit(1)
