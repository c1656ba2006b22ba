"""Where a training in a folder keeps its checkpoints, so that none destroys another's.

A training writes ``OUT/checkpoints`` and at its end ``OUT/model``. Where a finished training is in
`OUT` already, the next one writes ``OUT/retraining/checkpoints``; they take the place of the others
once the new model stands in ``OUT/model``.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

from unigs.errors import DataError
from unigs.io.files import replacing
from unigs.training.checkpoint import CHECKPOINTS, newest_step

RETRAINING = "retraining"
# In the folder of checkpoints: the step whose weights are the model.
FINISHED = "finished.json"


def end_retraining(out: Path) -> None:
    """Put the checkpoints of a finished retraining into their place, if a kill left them beside
    it."""
    if _finished(out / RETRAINING):
        _move_up(out)


def training_place(out: Path, resume: bool) -> Path:
    """Return the folder whose ``checkpoints`` a training in `out` writes, and resumes from.

    Raises:
        DataError: without `resume`, an unfinished training is there.
    """
    beside = out / RETRAINING
    for place in (beside, out):
        step = newest_step(place / CHECKPOINTS)
        if step is None:
            continue
        if resume:
            return place
        if _finished(place):
            return beside
        raise DataError(
            f"holds an unfinished training, its newest checkpoint is of step {step}",
            file=out,
            hint="go on with it by --resume, or give another --out",
        )
    return out


def finish_training(out: Path, place: Path) -> None:
    """Record that ``out/model`` is that of the training in `place`, and put its checkpoints into
    ``out/checkpoints``."""
    with replacing(place / CHECKPOINTS / FINISHED) as partial:
        partial.write_text(json.dumps({"step": newest_step(place / CHECKPOINTS)}))
    if place != out:
        _move_up(out)


def _finished(place: Path) -> bool:
    with suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads((place / CHECKPOINTS / FINISHED).read_text(encoding="utf-8"))
        return bool(record["step"] == newest_step(place / CHECKPOINTS))
    return False


def _move_up(out: Path) -> None:
    # A kill after any of these lines leaves what `end_retraining` ends.
    beside = out / RETRAINING
    if (out / CHECKPOINTS).exists():
        shutil.rmtree(beside / "replaced", ignore_errors=True)
        os.replace(out / CHECKPOINTS, beside / "replaced")
    os.replace(beside / CHECKPOINTS, out / CHECKPOINTS)
    shutil.rmtree(beside, ignore_errors=True)
