"""Whether a plan fits the disk and the device, and the settings with which it would."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from unigs.config.preset import Preset
from unigs.training.batch_errors import more_parts
from unigs.workflows.plan.memory import GIB
from unigs.workflows.plan.plan import Plan, Planner

_CGROUP = Path("/sys/fs/cgroup/memory.max")


def disk_problem(planner: Planner, plan: Plan, store: Path, made: int) -> str | None:
    """Return why the plan does not fit the file system of the store, in one line with the settings
    that would help; None where it fits.

    Args:
        made: bytes of the run that are there already.
    """
    there = next(folder for folder in (store, *store.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    needed = plan.disk_bytes - made
    if needed <= free:
        return None
    said = f"{plan.disk_bytes / GIB:.1f} GiB of shards, latents and checkpoints"
    hint = _hint(planner, plan, _less_disk(planner.preset), lambda p: p.disk_bytes - made <= free)
    return f"{store}: {free / GIB:.1f} GiB are free, the run needs {said} ({hint})"


def memory_problem(planner: Planner, plan: Plan, limit: int) -> str | None:
    """Return why a process does not fit its device, in one line with the settings that would help;
    None where it fits, or will in the parts that it takes by itself (`parts_by_itself`).

    Args:
        limit: bytes of the device, for each of its processes.
    """
    if plan.memory_bytes <= limit or parts_by_itself(planner, plan, limit) is not None:
        return None
    hint = _hint(
        planner,
        plan,
        _less_memory(planner.preset, plan.devices),
        lambda p: p.memory_bytes <= limit,
    )
    return (
        f"device memory: {limit / GIB:.1f} GiB, a training process needs "
        f"{plan.memory_bytes / GIB:.1f} GiB ({hint})"
    )


def parts_by_itself(planner: Planner, plan: Plan, limit: int) -> int | None:
    """Return in how many parts a single process on an accelerator will take each batch when it has
    run out of memory (`unigs.training.batch_errors.Accumulation`); None where that does not make it
    fit, or none are needed."""
    if not planner.accelerator or plan.devices > 1 or plan.memory_bytes <= limit:
        return None
    count = planner.preset.training.batch_size
    parts = more_parts(count, planner.preset.training.accumulation)
    while parts and planner.plan({"training.accumulation": parts}).memory_bytes > limit:
        parts = more_parts(count, parts)
    return parts


def device_memory(accelerator: bool, processes: int) -> int | None:
    """Return the bytes that each of some processes may take here; None where it cannot be known."""
    if accelerator:
        if not torch.cuda.is_available():
            return None
        return int(torch.cuda.get_device_properties(0).total_memory)
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
    # "max", or no such file, where there is no limit
    with suppress(OSError, ValueError):
        total = min(total, int(_CGROUP.read_text()))
    return total // processes


def _less_disk(preset: Preset) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    if preset.data.latents:
        steps.append({"data.latents": False})
    if preset.training.checkpoints_kept > 1:
        steps.append({"training.checkpoints_kept": 1})
    if preset.data.variants > 1:
        steps.append({"data.variants": 1})
    return _alone_and_together(steps)


def _less_memory(preset: Preset, devices: int) -> list[dict[str, Any]]:
    training = preset.training
    share = training.batch_size // devices
    parts = _parts(share, training.accumulation)
    checkpointing = {"training.gradient_checkpointing": True}
    tried: list[dict[str, Any]] = [{"training.accumulation": n} for n in parts]
    if not training.gradient_checkpointing:
        tried += [checkpointing, *({**checkpointing, **accumulated} for accumulated in tried)]
    if training.optimizer == "adamw" and training.lora_rank is None and devices > 1:
        tried.append({"training.parallel": "fsdp", **(tried[-1] if tried else {})})
    smallest = {"training.batch_size": devices, "training.accumulation": 1}
    if share > 1:
        tried.append({**smallest, **checkpointing})
    return tried


def _parts(share: int, now: int) -> list[int]:
    """Return in how many more parts a process can take its share of a batch than it does now."""
    return [parts for parts in range(now + 1, share + 1) if share % parts == 0]


def _alone_and_together(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    together: dict[str, Any] = {}
    more = []
    for step in steps:
        together = {**together, **step}
        more.append(together)
    return [*steps, *more[1:]]


def _hint(
    planner: Planner, plan: Plan, tried: list[dict[str, Any]], fits: Callable[[Plan], bool]
) -> str:
    """Name the first settings with which the plan fits."""
    for changes in tried:
        if fits(planner.plan(changes, plan.devices)):
            named = " and ".join(f"{name}: {_value(value)}" for name, value in changes.items())
            return f"it would fit with {named}"
    return "no setting alone makes it fit: take a larger one, or a smaller data.size or model"


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
