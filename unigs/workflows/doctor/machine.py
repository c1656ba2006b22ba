"""Processor, accelerator, memory and disk, and what they mean for speed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import torch

from unigs.io.machine import cores, machine
from unigs.workflows.doctor.finding import Finding, State

#: A few times the 0.9 GB that the store of `tiny` has.
LEAST_DISK = 5e9
# GFLOP/s of a core in float32 with which `make run` takes about a quarter of an hour on two.
_SLOW = 110


def machine_findings(store: Path) -> Iterator[Finding]:
    """Look at the machine; products of matrices are timed for a fraction of a second."""
    found = machine("cpu")
    rate = max(found.float32_rate or 0, found.bfloat16_rate or 0) / 1e9
    if found.low_precision == torch.bfloat16:
        meaning = "native bfloat16: training takes the fast kernels"
    else:
        meaning = "no native bfloat16: training in float32, two to three times as long"
    state = State.OK if rate >= _SLOW / 3 else State.WARNING
    hint = f"{found}, {cores()} cores; {meaning}"
    if state is State.WARNING:
        hint += f"; make run takes some {15 * _SLOW / max(rate, 1) / 60:.1f} hours"
    yield Finding("processor", state, hint)
    yield _accelerator()
    yield _disk(store)


def _accelerator() -> Finding:
    if torch.cuda.is_available():
        described = [
            f"{torch.cuda.get_device_name(number)}, "
            f"{torch.cuda.get_device_properties(number).total_memory / 1e9:.0f} GB"
            for number in range(torch.cuda.device_count())
        ]
        return Finding("accelerator", State.OK, "; ".join(described))
    hint = "none: presets tiny, small and photo are made for processors, sd15 needs one"
    if torch.version.cuda is not None:
        hint += "; torch is built for CUDA but finds no device or driver"
    return Finding("accelerator", State.OK, hint)


def _disk(store: Path) -> Finding:
    place = next(path for path in (store, *store.resolve().parents) if path.exists())
    free = shutil.disk_usage(place).free
    hint = f"{free / 1e9:.0f} GB free at {place}; unigs plan says what a run needs"
    return Finding("disk", State.OK if free >= LEAST_DISK else State.WARNING, hint)
