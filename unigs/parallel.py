"""Several training processes on one machine, each with its share of every batch.

Convolutions on small latents gain little from a second thread; a second process that computes
half of the batch on its own core gains nearly twice.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import distributed

JOIN_SECONDS = 60.0


def rank_and_world() -> tuple[int, int]:
    """This process's number and how many there are: (0, 1) outside a group."""
    if not distributed.is_initialized():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def any_of(flag: bool) -> bool:
    """True in all processes of the group if `flag` is true in any."""
    if not distributed.is_initialized():
        return flag
    asked = torch.tensor([int(flag)])
    distributed.all_reduce(asked, op=distributed.ReduceOp.MAX)
    return bool(asked.item())


@contextmanager
def group(world: int, worker: Callable[..., None], *arguments: Any) -> Iterator[None]:
    """Be process 0 of a group of `world`; the others run ``worker(*arguments)``.

    The cores are shared out among the processes. A process whose group breaks (a killed peer)
    fails at its next exchange, so none outlives the others.

    Args:
        worker: a function of a module, since the processes start anew.
    """
    if world == 1:
        yield
        return
    threads = max((os.cpu_count() or 1) // world, 1)
    before = torch.get_num_threads()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        meeting = Path(folder) / "meeting"
        others = [
            context.Process(
                target=_work, args=(rank, world, meeting, threads, worker, arguments), daemon=True
            )
            for rank in range(1, world)
        ]
        for process in others:
            process.start()
        try:
            torch.set_num_threads(threads)
            _join(0, world, meeting)
            yield
        finally:
            if distributed.is_initialized():
                distributed.destroy_process_group()
            torch.set_num_threads(before)
            for process in others:
                process.join(JOIN_SECONDS)
                if process.is_alive():
                    process.kill()


def _work(
    rank: int,
    world: int,
    meeting: Path,
    threads: int,
    worker: Callable[..., None],
    arguments: tuple[Any, ...],
) -> None:
    # Process 0 decides when to stop and tells the others between two steps.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(threads)
    _join(rank, world, meeting)
    try:
        worker(*arguments)
    finally:
        distributed.destroy_process_group()


def _join(rank: int, world: int, meeting: Path) -> None:
    if Path("/sys/class/net/lo").exists():
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=world
    )
