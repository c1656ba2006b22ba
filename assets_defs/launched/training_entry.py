"""``python -m assets_defs.launched.training_entry``: run one training, configured through Pipes.

Metrics go to the MLflow run that the asset opened, a line of progress now and then to Dagster. On
SIGTERM, or when the parent is gone, the loop writes a checkpoint; the process then ends with the
code that asks to be started again, as it does after an error that may pass, and resumes from there.
As a job of a Ray cluster this is the process that starts the group over the nodes, and reports what
the group's process 0 tells it.
"""

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from dagster_pipes import PipesContext, open_dagster_pipes

from assets_defs.launched.training_job import (
    Message,
    steps_of,
    train_and_save,
    train_in_group,
    training_job,
)
from assets_defs.run.retries import may_pass
from resources.mlflow.tracking import Tracking
from resources.process.launcher import START_AGAIN
from resources.process.lifeline import end_with_parent
from resources.ray_cluster.group import run_group
from resources.ray_cluster.job import connected, say_reason
from resources.ray_cluster.settings import CLUSTER, ClusterSettings
from resources.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REPORT = "training.json"
PREVIEWS = "previews"
_SAY_EVERY_SECONDS = 5.0


class StopRequest:
    """A flag that becomes true at SIGTERM or SIGINT."""

    def __init__(self) -> None:
        self.asked = False
        self.listen()

    def listen(self) -> None:
        """Take the signals, from whoever else does."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True

    def __call__(self) -> bool:
        return self.asked


class Reporter:
    """The training's log and preview callback: every metric and picture to MLflow, a line now and
    then to Dagster, the losses and pictures beside the weights too."""

    def __init__(
        self, pipes: PipesContext, tracking: Tracking, run_id: str, steps: int, folder: Path
    ) -> None:
        from unigs.comparison.curves import LOSSES, LossRecord
        from unigs.workflows.training_progress import TrainingTeller

        self.pipes, self.folder = pipes, folder
        self._record = LossRecord(folder.parent / LOSSES, resumed=True)
        self.outbox = tracking.outbox(run_id, pipes.log.warning)
        self._said = 0.0
        self._tell = TrainingTeller(steps, pipes.log.info, self._state)

    def __call__(self, step: int, metrics: dict[str, float]) -> None:
        self.outbox.metrics(step, metrics)
        self._record(step, metrics)
        self._tell(step, metrics)

    def _state(self, state: str) -> None:
        now = time.monotonic()
        if now - self._said >= _SAY_EVERY_SECONDS or state.startswith(f"step {self._tell.steps} "):
            self._said = now
            self.pipes.log.info(state)

    def preview(self, step: int, picture: "NDArray[np.uint8]") -> None:
        """Save a preview of the model's current output on held-out samples."""
        from PIL import Image

        from unigs.training.validation import PREVIEW_COLUMNS

        self.folder.mkdir(exist_ok=True)
        file = self.folder / f"step-{step:08d}.png"
        Image.fromarray(picture).save(file)
        self.outbox.picture(f"preview-{step:08d}", file)
        self.pipes.log.info(f"picture of step {step} ({', '.join(PREVIEW_COLUMNS)}): {file}")


def _train(
    order: Mapping[str, Any], pipes: PipesContext, stop: StopRequest
) -> dict[str, Any] | None:
    """Train in this process, or on the cluster of the order; the report, None when interrupted."""
    from unigs.training.loop import Interrupted

    # A server that does not answer must not hold up the steps: what it misses is spooled.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    job = training_job(order)
    tracking = Tracking(store=Store(root=order["store"]), uri=order["tracking_uri"])
    report_to = Reporter(
        pipes, tracking, order["mlflow_run_id"], steps_of(job), job.out_dir / PREVIEWS
    )
    try:
        if CLUSTER in order:
            return _train_on_cluster(order, job.preset.training.processes, report_to, stop)
        return train_and_save(job, pipes.log.info, report_to, stop, report_to.preview)
    except Interrupted as interruption:
        print(interruption, file=sys.stderr)
        return None
    finally:
        report_to.outbox.close()


def _train_on_cluster(
    order: Mapping[str, Any], processes: int, report_to: Reporter, stop: StopRequest
) -> dict[str, Any] | None:
    results: list[dict[str, Any]] = []

    def tell(kind: str, value: Any) -> None:
        match kind:
            case Message.SAY:
                report_to.pipes.log.info(value)
            case Message.METRICS:
                report_to(*value)
            case Message.PREVIEW:
                report_to.preview(*value)
            case Message.RESULT:
                results.append(value)
            case Message.INTERRUPTED:
                print(value, file=sys.stderr)

    settings = ClusterSettings.model_validate(order[CLUSTER])
    run_group(train_in_group, order, processes, settings, tell, stop)
    return results[0] if results else None


def main() -> int:
    """Train as the Pipes extras say and save the pipeline; the exit code."""
    try:
        return _main()
    except Exception as error:
        if not may_pass(error):
            raise
        traceback.print_exception(error)
        return START_AGAIN


def _main() -> int:
    stop = StopRequest()
    end_with_parent()
    with open_dagster_pipes() as pipes:
        order = pipes.extras
        if CLUSTER not in order:
            report = _train(order, pipes, stop)
        else:
            try:
                with connected(ClusterSettings.model_validate(order[CLUSTER])):
                    # Ray has put its own in their place
                    stop.listen()
                    report = _train(order, pipes, stop)
            except Exception as error:
                say_reason(error)
                return 1
    if report is None:
        return START_AGAIN
    (Path(order["out_dir"]) / REPORT).write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
