"""The losses of a training by step, as a file beside its model; and whose they are of an
evaluation.

``unigs train`` writes ``losses.jsonl`` beside its model, `unigs run` with the weights. What ``unigs
evaluate --out`` writes names the model, so that a comparison finds its losses.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

from unigs.comparison.charts import Curve
from unigs.comparison.evaluation import tasks_of
from unigs.errors import DataError

logger = logging.getLogger(__name__)

LOSSES, EVALUATED_MODEL = "losses.jsonl", "model.json"
METRICS = ("loss", "validation_loss")

#: Metric of a training -> its values by step.
Curves = Mapping[str, Curve]


class LossRecord:
    """Appends the losses of a training to a file, a line whenever there are some.

    Args:
        file: ``losses.jsonl``.
        resumed: go on with it; else it begins anew.
    """

    def __init__(self, file: Path, resumed: bool) -> None:
        self._file, self._ended, self._told = file, False, False
        file.parent.mkdir(parents=True, exist_ok=True)
        if not resumed:
            file.unlink(missing_ok=True)

    def __call__(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take the metrics of a step, as a training logs them."""
        losses = {name: metrics[name] for name in METRICS if name in metrics}
        if not losses:
            return
        try:
            with self._file.open("a+b") as lines:
                # a kill may have cut the last line short
                if lines.tell() and not self._ended:
                    lines.seek(-1, 2)
                    self._ended = lines.read() == b"\n"
                start = "" if self._ended or not lines.tell() else "\n"
                lines.write(f"{start}{json.dumps({'step': step, **losses})}\n".encode())
                self._ended = True
        # no training ends over a record of it
        except OSError as error:
            if not self._told:
                logger.warning("%s: losses are not recorded: %s", self._file, error)
            self._told = True


def read_losses(file: Path) -> dict[str, list[tuple[int, float]]]:
    """Return metric -> (step, value) by step; of a step that was told twice, as after a resumption,
    the last. A line that is cut short or damaged is passed over."""
    found: dict[str, dict[int, float]] = {}
    for line in file.read_text("utf-8", "replace").splitlines():
        try:
            record = json.loads(line)
            losses = {name: float(record[name]) for name in METRICS if name in record}
            step = int(record["step"])
        except (ValueError, KeyError, TypeError):
            continue
        for name, value in losses.items():
            found.setdefault(name, {})[step] = value
    return {name: sorted(values.items()) for name, values in found.items()}


def note_model(out: Path, model: Path | str) -> None:
    """Write beside an evaluation which model it is of: a folder, a Hub id or a file. With it the
    losses of its training, where they are known: another training may replace them."""
    place = Path(model)
    named = str(place.resolve()) if place.exists() else str(model)
    (out / EVALUATED_MODEL).write_text(json.dumps({"model": named}), "utf-8")
    (out / LOSSES).unlink(missing_ok=True)
    losses = next((file for file in _beside(place.resolve()) if file.is_file()), None)
    if losses is not None:
        shutil.copyfile(losses, out / LOSSES)


def losses_of(evaluation: Path, name: str) -> tuple[Curves, str]:
    """Return the losses of the training of an evaluated model; or none, and a sentence on why.

    Args:
        evaluation: folder of `unigs evaluate --out`, or of a store's ``evaluation/MODEL``.
        name: what the model is called.
    """
    folder = evaluation.resolve()
    named = _candidates(folder)
    if not named:
        return {}, f"No losses of the training of {name}: its evaluation does not name its model."
    for file in [*(place / LOSSES for place in (folder, *_tasks(folder))), *named]:
        if file.is_file():
            curves = read_losses(file)
            return curves, "" if curves else f"The losses of the training of {name} are empty."
    return {}, (
        f"No losses of the training of {name}: there is no {LOSSES} beside its model. Those of a "
        "registered version are in MLflow: compare versions."
    )


def _candidates(evaluation: Path) -> list[Path]:
    """Return where the losses may be, without a look."""
    found = []
    for folder in dict.fromkeys([evaluation, *_tasks(evaluation)]):
        try:
            model = Path(json.loads((folder / EVALUATED_MODEL).read_text("utf-8"))["model"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        found += _beside(model)
    for folder in (evaluation, evaluation.parent):
        if folder.parent.name == "evaluation":
            found.append(_in_store(folder))
    return found


def _beside(model: Path) -> list[Path]:
    """Return where the losses of a model's training may be: beside it, or in its store."""
    found = [model.parent / LOSSES]
    if model.parent.parent.name == "models":
        found.append(_in_store(model.parent))
    return found


def _tasks(evaluation: Path) -> list[Path]:
    try:
        return list(tasks_of(evaluation).values())
    except DataError:
        return []


def _in_store(folder: Path) -> Path:
    """Return the losses of the model whose ``models/NAME`` or ``evaluation/NAME`` a folder is."""
    return folder.parent.parent / "weights" / folder.name / LOSSES
