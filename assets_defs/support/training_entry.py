"""``python -m assets_defs.support.training_entry``: run one training, configured through Pipes.

Metrics go to the MLflow run that the asset opened, a line of progress now and then to Dagster. On
SIGTERM, or when the parent is gone, the loop writes a checkpoint and the process ends with code 3;
the next run of the asset resumes from there.
"""

import json
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from dagster_pipes import PipesContext, open_dagster_pipes

from resources.mlflow.tracking import Tracking
from resources.process.lifeline import end_with_parent
from resources.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INTERRUPTED = 3
REPORT = "training.json"
PREVIEWS = "previews"
_SAY_EVERY_SECONDS = 5.0


class StopRequest:
    """A flag that becomes true at SIGTERM or SIGINT."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True

    def __call__(self) -> bool:
        return self.asked


class Reporter:
    """The training's log and preview callback: every metric and picture to MLflow, a line now and
    then to Dagster, the pictures in ``folder`` too."""

    def __init__(
        self, pipes: PipesContext, tracking: Tracking, run_id: str, steps: int, folder: Path
    ) -> None:
        from unigs.workflows.training_progress import TrainingTeller

        self.pipes, self.tracking, self.run_id, self.steps = pipes, tracking, run_id, steps
        self.folder = folder
        self._said = 0.0
        self._tell = TrainingTeller(steps, pipes.log.info, self._state)

    def __call__(self, step: int, metrics: dict[str, float]) -> None:
        self.tracking.log_metrics(self.run_id, metrics, step)
        self._tell(step, metrics)

    def _state(self, state: str) -> None:
        now = time.monotonic()
        if now - self._said >= _SAY_EVERY_SECONDS or state.startswith(f"step {self.steps} "):
            self._said = now
            self.pipes.log.info(state)

    def preview(self, step: int, picture: "NDArray[np.uint8]") -> None:
        """Save a preview of the model's current output on held-out samples."""
        from PIL import Image

        from unigs.training.validation import PREVIEW_COLUMNS

        self.folder.mkdir(exist_ok=True)
        file = self.folder / f"step-{step:08d}.png"
        Image.fromarray(picture).save(file)
        self.tracking.log_images(self.run_id, {f"preview-{step:08d}": file})
        self.pipes.log.info(f"picture of step {step} ({', '.join(PREVIEW_COLUMNS)}): {file}")


def _train(order: Mapping[str, Any], pipes: PipesContext, stop: StopRequest) -> dict[str, Any]:
    from unigs.config.preset import Preset
    from unigs.io.device import this_device
    from unigs.io.machine import machine
    from unigs.latents.stores import Encoders, training_stream
    from unigs.models.autoencoder import weights_digest
    from unigs.training.run import TrainingJob, run_job
    from unigs.training.schedule import training_steps

    preset = Preset.model_validate(order["preset"])
    out_dir = Path(order["out_dir"])
    tracking = Tracking(store=Store(root=order["store"]), uri=order["tracking_uri"])
    train_folders, val_folders = (
        {task: _folders(held) for task, held in order[split].items()} for split in ("train", "val")
    )
    encoders = Encoders(
        Path(order["autoencoder"]),
        Path(order["text_encoder"]),
        preset.codec.refine_steps,
        preset.autoencoder.sample_posterior,
    )
    steps = training_steps(preset.training, training_stream(preset, train_folders, encoders))
    job = TrainingJob(preset, train_folders, val_folders, encoders, out_dir)
    report_to = Reporter(pipes, tracking, order["mlflow_run_id"], steps, out_dir / PREVIEWS)
    pipes.log.info(f"device {machine(this_device())}")
    unet: Any
    unet, report = run_job(job, report_to, stop, report_to.preview)
    unet.save_pretrained(out_dir / "unet")
    parameters = unet.num_parameters()
    return {**asdict(report), "parameters": parameters, "digest": weights_digest(unet)}


def _folders(held: str | dict[str, str]) -> Path | dict[str, Path]:
    if isinstance(held, str):
        return Path(held)
    return {dataset: Path(folder) for dataset, folder in held.items()}


def main() -> int:
    """Train as the Pipes extras say and save the pipeline; the exit code."""
    stop = StopRequest()
    end_with_parent()
    with open_dagster_pipes() as pipes:
        order = pipes.extras
        from unigs.training.loop import Interrupted

        try:
            report = _train(order, pipes, stop)
        except Interrupted as interruption:
            print(interruption, file=sys.stderr)
            return INTERRUPTED
    (Path(order["out_dir"]) / REPORT).write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
