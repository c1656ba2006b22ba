"""What MLflow's runs hold beside metrics: the parameters worth comparing, the whole preset, what
the data are like, what an evaluation predicted."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings

if TYPE_CHECKING:
    from unigs.config.preset import Preset

PRESET_FILE = "preset.yaml"
# Without the pictures of each image: those are in the store, and here as one grid.
_EVALUATION_FILES = (
    "metrics.json", "metric_values.json", "image_scores.parquet", "panoptic.json", "results.json",
)  # fmt: skip
_SHARES = ("labelled_share", "crowd_share")


def training_parameters(model: str, settings: GraphSettings, preset: "Preset") -> dict[str, Any]:
    """Return by what trainings are told apart, in the order of reading; the rest is in the preset
    that is logged as a file."""
    data, training = preset.data, preset.training
    return {
        "model": model,
        **_run_parameters(settings),
        "checkpoint": preset.checkpoint or "none",
        "size": data.size,
        "steps": training.steps or "by epochs",
        "batch_size": training.batch_size,
        "optimizer": training.optimizer,
        "learning_rate": training.learning_rate,
        "warmup_steps": training.warmup_steps,
        "ema_decay": training.ema_decay,
        "colormap_loss": training.colormap_loss,
        "prediction_type": preset.diffusion.scheduler.get("prediction_type", "of the checkpoint"),
        "palette": preset.codec.palette,
        "train_entities": data.train_entities,
        "seed": data.seed,
    }


def evaluation_parameters(
    model: str, task: str, settings: GraphSettings, preset: "Preset"
) -> dict[str, Any]:
    """Return by what evaluations are told apart, in the order of reading."""
    return {
        "model": model,
        "task": task,
        **_run_parameters(settings),
        "scenes": preset.evaluation.scenes,
        "evaluators": preset.evaluation.evaluators,
        "sampling_steps": preset.inference.steps[task],
        "guidance": preset.inference.guidance[task],
        "palette": preset.codec.palette,
        "decoder": preset.codec.decoder,
        "seed": preset.data.seed,
    }


def _run_parameters(settings: GraphSettings) -> dict[str, Any]:
    changed = {**settings.overrides}
    if settings.train_steps:
        changed["training.steps"] = settings.train_steps
    return {
        "dataset": settings.dataset,
        "preset": settings.preset_name,
        "changed": json.dumps(changed, sort_keys=True) if changed else "nothing",
    }


def log_preset(tracking: Tracking, run_id: str, preset: "Preset") -> None:
    """Store all settings of a run as one file."""
    import yaml

    text = yaml.safe_dump(preset.model_dump(mode="json"), sort_keys=False)
    tracking.client().log_text(run_id, text, PRESET_FILE)


def log_statistics(tracking: Tracking, run_id: str, statistics: Path, plot: Path) -> None:
    """Store a JSON file of data statistics as two tables, with a column a split or data set, and
    their plot."""
    found = json.loads(statistics.read_text(encoding="utf-8"))
    quantities: dict[str, list[float]] = {
        name: [value[name] for value in found.values()]
        for name in ("images", "entities", "things", *_SHARES)
    }
    for grid in ("5", "11"):
        quantities[f"coverage_{grid}x{grid}"] = [
            value["coverage"][grid] for value in found.values()
        ]
    names = dict.fromkeys(name for value in found.values() for name in value["class_counts"])
    classes = {
        name: [value["class_counts"].get(name, 0) for value in found.values()] for name in names
    }
    for title, rows in (("data_statistics", quantities), ("data_classes", classes)):
        tracking.log_table(run_id, title, _columns("name", list(found), rows))
    tracking.log_images(run_id, {"data": plot})


def _columns(
    first: str, others: Sequence[str], rows: Mapping[str, Sequence[float]]
) -> dict[str, list[Any]]:
    beside = {
        other: [values[place] for values in rows.values()] for place, other in enumerate(others)
    }
    return {first: list(rows), **beside}


def log_evaluation(tracking: Tracking, run_id: str, evaluation: Path) -> None:
    """Store metrics, per image too, and predictions of an evaluation folder in COCO's formats."""
    client = tracking.client()
    for name in _EVALUATION_FILES:
        if (evaluation / name).is_file():
            client.log_artifact(run_id, str(evaluation / name), "evaluation")
