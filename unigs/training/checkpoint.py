"""Checkpoints of a training run: safetensors and JSON, written atomically."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from unigs.errors import DataError
from unigs.io.files import finish_replacing, replacing_folder

logger = logging.getLogger(__name__)

# in the folder of a training
CHECKPOINTS = "checkpoints"
_FOLDER = re.compile(r"^step-(\d{8})$")
_STATE = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """The complete state that a run needs to resume exactly.

    Attributes:
        step: optimiser steps done.
        tensors: group (`unet`, `ema`, `optimizer`) -> name -> tensor.
        state: JSON values.
    """

    step: int
    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write ``folder/step-NNNNNNNN`` atomically, then remove all but the `keep` newest up to it.

    Those of later steps are damaged, since the run that writes this one did not resume from them:
    they stay until it reaches their step.

    Raises:
        DataError: it cannot be written, for want of space say; the others are still there.
    """
    target = folder / f"step-{checkpoint.step:08d}"
    try:
        return _save(target, checkpoint, keep)
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"the checkpoint cannot be written: {error}",
            file=target,
            hint="free space; the training resumes from the checkpoint before",
        ) from error


def _save(target: Path, checkpoint: Checkpoint, keep: int) -> Path:
    folder = target.parent
    _folders(folder)  # ends what a killed run began, so that the rest is worth nothing
    for left in folder.glob(".step-*"):
        shutil.rmtree(left, ignore_errors=True)
    with replacing_folder(target) as partial:
        digests = {}
        for group, tensors in checkpoint.tensors.items():
            file = partial / f"{group}.safetensors"
            save_file({name: value.detach().contiguous() for name, value in tensors.items()}, file)
            digests[file.name] = _digest(file)
        state = {"step": checkpoint.step, "files": digests, **checkpoint.state}
        (partial / _STATE).write_text(json.dumps(state, indent=1))
        for file in partial.iterdir():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
    for old in [path for path in _folders(folder) if path.name <= target.name][:-keep]:
        shutil.rmtree(old)
    return target


class CheckpointWriter:
    """Writes checkpoints in a thread, one at a time, while training goes on.

    They are `save_checkpoint`'s: whole tensors with digests, which any number of processes reads,
    sharded or not. `torch.distributed.checkpoint.async_save` would write the shards of this number
    of processes, without digests, and need a second group of processes. Writing, hashing and
    syncing leave the interpreter to the training.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._writing: Future[Path] | None = None

    def write(self, folder: Path, checkpoint: Checkpoint, keep: int) -> None:
        """Begin to write a checkpoint, whose tensors must stay as they are."""
        self.finish()
        self._writing = self._thread.submit(save_checkpoint, folder, checkpoint, keep)

    def finish(self) -> None:
        """Wait until the checkpoint is on the disk; raise what kept it from being written."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def close(self) -> None:
        """`finish`, and end the thread."""
        try:
            self.finish()
        finally:
            self._thread.shutdown()


def load_checkpoint(folder: Path, step: int | None = None) -> Checkpoint | None:
    """Return the newest checkpoint that is whole, or that of a step; damaged ones are named in the
    log and skipped."""
    found = _folders(folder) if step is None else [folder / f"step-{step:08d}"]
    for path in reversed(found):
        try:
            state = json.loads((path / _STATE).read_text())
            for name, digest in state["files"].items():
                if _digest(path / name) != digest:
                    raise ValueError(f"{name} does not have the digest that was written")
            tensors = {Path(name).stem: load_file(path / name) for name in state["files"]}
            return Checkpoint(state["step"], tensors, state)
        except (
            OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError
        ) as error:  # fmt: skip
            logger.warning("checkpoint %s is damaged (%s): trying the one before", path, error)
    return None


def newest_step(folder: Path) -> int | None:
    """Return the step of the newest checkpoint, damaged or not; None if there is none."""
    folders = _folders(folder)
    return int(folders[-1].name.removeprefix("step-")) if folders else None


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    for left in folder.glob(".step-*"):
        finish_replacing(folder / left.name[1:].split(".")[0])
    return sorted(path for path in folder.iterdir() if _FOLDER.match(path.name))


def _digest(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
