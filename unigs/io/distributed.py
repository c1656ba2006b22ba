"""Several training processes, each with its share of every batch.

Two threads of one process can be faster than two processes, each of which repeats the optimiser's
work and waits for the other's gradients (docs/paper.md): one process is the default.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from unigs import errors
from unigs.errors import DeviceError, TransientError, UnigsError
from unigs.io.device import this_device
from unigs.io.machine import cores
from unigs.io.pool import end_with_starter

JOIN_SECONDS = 60.0
# A process that broke an exchange has ended a moment later.
_END_SECONDS = 5.0
# While process 0 encodes a data set, the others wait.
WAIT_FOR_LATENTS = timedelta(days=7)


def rank_and_world() -> tuple[int, int]:
    """This process's number and how many there are: (0, 1) outside a group."""
    if not distributed.is_initialized():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def any_of(flag: bool) -> bool:
    """True in all processes of the group if `flag` is true in any."""
    if not distributed.is_initialized():
        return flag
    asked = torch.tensor([int(flag)], device=this_device())
    distributed.all_reduce(asked, op=distributed.ReduceOp.MAX)
    return bool(asked.item())


def summed(values: Sequence[float]) -> list[float]:
    """Return the sums over all processes of the group, number by number, the same bits in each."""
    if not distributed.is_initialized():
        return list(values)
    added = torch.tensor(list(values), dtype=torch.float64, device=this_device())
    distributed.all_reduce(added)
    return [float(value) for value in added.tolist()]


def mean_of(value: float) -> float:
    """Return the mean of a value over all processes of the group."""
    return summed([value])[0] / rank_and_world()[1]


def gathered(value: Any) -> list[Any]:
    """Return what all processes of the group hand in, by their number: [value] outside a group."""
    if not distributed.is_initialized():
        return [value]
    everything: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(everything, value)
    return everything


@contextmanager
def torchrun_group() -> Iterator[None]:
    """Join the processes that torchrun started, on one machine or several; nothing without it.

    torchrun ends all of them when one fails.
    """
    if not distributed.is_torchelastic_launched():
        yield
        return
    device = this_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group(_backend(), timeout=WAIT_FOR_LATENTS)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def once(work: Callable[[], None]) -> None:
    """Let process 0 do `work` while the others of its group wait for it."""
    if rank_and_world()[0] == 0:
        work()
    if distributed.is_initialized():
        distributed.barrier()


@contextmanager
def group(world: int, worker: Callable[..., None], *arguments: Any) -> Iterator[None]:
    """Be process 0 of a group of `world`; the others run ``worker(*arguments)``. Where torchrun
    has made a group already, be part of that.

    The cores are shared out among the processes. A process whose group breaks (a killed peer)
    fails at its next exchange, so none outlives the others.

    Args:
        worker: a function of a module, since the processes start anew.

    Raises:
        UnigsError: of its kind, what another process raised.
        TransientError: another process was killed.
    """
    if world == 1 or distributed.is_initialized():
        yield
        return
    threads = max(cores() // world, 1)
    before = torch.get_num_threads()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        meeting = Path(folder) / "meeting"
        others = [
            context.Process(
                target=_work,
                args=(rank, world, meeting, threads, worker, arguments),
                daemon=True,
            )
            for rank in range(1, world)
        ]
        for process in others:
            process.start()
        try:
            torch.set_num_threads(threads)
            _join(0, world, meeting)
            yield
        except (RuntimeError, DeviceError) as error:
            if (reason := _of_others(others, Path(folder))) is None:
                raise
            raise reason from error
        finally:
            if distributed.is_initialized():
                distributed.destroy_process_group()
            os.environ.pop("LOCAL_RANK", None)
            torch.set_num_threads(before)
            for process in others:
                process.join(JOIN_SECONDS)
                if process.is_alive():
                    process.kill()
                    process.join()


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
    end_with_starter()
    torch.set_num_threads(threads)
    _join(rank, world, meeting)
    try:
        worker(*arguments)
    except UnigsError as error:
        said = {"kind": type(error).__name__, "said": str(error)}
        meeting.with_name(f"failed-{rank}").write_text(json.dumps(said), encoding="utf-8")
        raise SystemExit(1) from None
    finally:
        distributed.destroy_process_group()


def _of_others(others: list[Any], folder: Path) -> UnigsError | None:
    """Return why an exchange broke: what one of the other processes said, or that it was killed;
    None where it was neither."""
    wait([process.sentinel for process in others], _END_SECONDS)
    ended = {*wait([process.sentinel for process in others], 0)}
    for process in others:
        # its files are closed a moment before it has an exit code
        if process.sentinel in ended:
            process.join(_END_SECONDS)
    for file in sorted(folder.glob("failed-*")):
        told = json.loads(file.read_text(encoding="utf-8"))
        kind: type[UnigsError] = getattr(errors, told["kind"], UnigsError)
        return kind(told["said"])
    for number, process in enumerate(others, 1):
        if process.exitcode is not None and process.exitcode < 0:
            return TransientError(
                f"process {number} of {len(others) + 1} was killed by "
                f"{signal.Signals(-process.exitcode).name}",
                hint="run again: a training goes on from its last checkpoint",
            )
    return None


def _backend() -> str:
    return "nccl" if torch.cuda.is_available() else "gloo"


def _join(rank: int, world: int, meeting: Path) -> None:
    os.environ["LOCAL_RANK"] = str(rank)
    if torch.cuda.is_available():
        torch.cuda.set_device(this_device())
    if Path("/sys/class/net/lo").exists():
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    distributed.init_process_group(
        _backend(), init_method=f"file://{meeting}", rank=rank, world_size=world
    )
