"""Encode the shards of a folder: in this process, in several, or on a cluster."""

from __future__ import annotations

import functools
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from unigs.io.device import this_device
from unigs.io.machine import cores
from unigs.io.pool import over_processes
from unigs.io.spread import Spread
from unigs.latents.shard import LatentJob, write_latents
from unigs.models.autoencoder import load_autoencoder

# A process that imports torch and loads an autoencoder takes 8 s of a core before its first shard.
START_SECONDS = 20.0
# Folders of the autoencoder that a cluster's build reads begin so.
AUTOENCODER = ".autoencoder-"
PRELOAD = ["unigs.latents.shard", "unigs.models.autoencoder"]

# Of a worker process: loaded once, used for all its shards.
_loaded: list[Any] = []


def write_all(
    jobs: list[LatentJob],
    autoencoder: Any,
    processes: int,
    report: Callable[[int, int], None],
) -> None:
    """Write the shards of some jobs, with the same bytes whatever the number of processes.

    The first shard is encoded here and timed; the others go to several processes where they would
    take longer here than `START_SECONDS`. The processes share out the cores among them and, where
    the autoencoder is on one, the accelerators.

    Args:
        report: called with (shards done, shards to write).
    """
    began = time.monotonic()
    for done, job in enumerate(jobs):
        report(done, len(jobs))
        left = len(jobs) - done
        expected = (time.monotonic() - began) / max(done, 1) * left
        count = min(processes, left)
        if done and count > 1 and expected > START_SECONDS:
            with tempfile.TemporaryDirectory() as folder:
                autoencoder.save_pretrained(folder)
                start = functools.partial(
                    _start, Path(folder), autoencoder.dtype, autoencoder.device.type, count
                )
                for finished in over_processes(_write, jobs[done:], count, PRELOAD, start):
                    done += finished
                    report(done, len(jobs))
            return
        write_latents(job, autoencoder)
    report(len(jobs), len(jobs))


def write_elsewhere(
    jobs: list[LatentJob],
    autoencoder: Any,
    spread: Spread,
    report: Callable[[int, int], None],
) -> None:
    """Write the shards of some jobs on a cluster, each process on its own device; else as
    `write_all`."""
    report(0, len(jobs))
    if not jobs:
        return
    # Beside the shards, which every machine of the cluster sees; a killed build leaves it there.
    for left in jobs[0].folder.glob(f"{AUTOENCODER}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=AUTOENCODER, dir=jobs[0].folder) as place:
        autoencoder.save_pretrained(place)
        start = functools.partial(_start_elsewhere, Path(place), autoencoder.dtype)
        done = 0
        for finished in spread(_write, jobs, start):
            done += finished
            report(done, len(jobs))


def _start_elsewhere(folder: Path, dtype: torch.dtype, number: int) -> None:
    _loaded[:] = [load_autoencoder(folder, dtype).to(this_device())]


def _start(folder: Path, dtype: torch.dtype, kind: str, count: int, number: int) -> None:
    torch.set_num_threads(max(1, cores() // count))
    device = torch.device(kind)
    if kind == "cuda":
        device = torch.device("cuda", number % torch.cuda.device_count())
    _loaded.append(load_autoencoder(folder, dtype).to(device))


def _write(job: LatentJob) -> None:
    write_latents(job, _loaded[0])
