"""Predict picture files and write the results in formats that other tools read."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from unigs.config.seeds import checked_seed
from unigs.errors import ConfigError, DeviceError, UnigsError
from unigs.io.device import failures_named
from unigs.io.files import writing
from unigs.io.image_file import SUFFIXES
from unigs.pipeline.initial_noise import seeded_generator
from unigs.pipeline.merge_names import predict_by_name
from unigs.pipeline.merge_seeds import predict_with_seeds
from unigs.pipeline.merge_tiles import predict_in_tiles
from unigs.pipeline.output import UniGSOutput
from unigs.tasks import task_named
from unigs.workflows.predict_plan import PredictionFiles, PredictionPlan, plan_predictions
from unigs.workflows.predict_record import record_of

logger = logging.getLogger(__name__)

Merge = Literal["none", "seeds", "names", "tiles"]


@dataclass(slots=True)
class Predictions:
    """What was predicted and what was skipped.

    Attributes:
        predictions: by picture `name`, `image`, `colormap`, `overlay`, `panoptic` (paths) and
            `entities` (see `EntityPrediction.to_dict`).
        skipped: `file` and `reason` of everything in the folders that no prediction is made of.
    """

    predictions: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)

    @property
    def refused(self) -> list[dict[str, str]]:
        """Those skipped that are pictures by their name, and not something else in the folder."""
        return [one for one in self.skipped if one["file"].lower().endswith(SUFFIXES)]


def predict_files(
    pipeline: Any,
    task: str,
    sources: Mapping[str, Path | None],
    out: Path,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    merge: Merge = "none",
    runs: int = 5,
) -> Predictions:
    """Predict one picture, or every picture of a folder.

    Each prediction is `NAME.image.png`, `NAME.colormap.png`, `NAME.overlay.png` and a COCO
    panoptic pair `NAME.panoptic.json`, `NAME.panoptic.png`; `unigs.workflows.predict_plan` says
    what NAME is and how folders are matched. A prediction depends on its picture and `seed` alone.
    Nothing that was given is written over, and of what is in `out` only earlier predictions.

    Args:
        sources: `image`, `coarse_mask`, `colormap`: a file or folder each, or None.
        out: folder of the predictions, made if missing.
        options: further arguments of the pipeline call.
        merge: make one prediction of several runs: of `runs` seeds
            (`unigs.pipeline.merge_seeds`), of one run per name (`unigs.pipeline.merge_names`), or
            of one run per tile (`unigs.pipeline.merge_tiles`).

    Raises:
        UnigsError: a single picture cannot be predicted, or the sources and `out` do not fit
            (`plan_predictions`); of a folder, such a picture is listed in the result and the others
            are predicted.
        DeviceError: the accelerator fails.
    """
    checked_seed(seed)
    checked_seed(seed + (runs - 1 if merge == "seeds" else 0), "seed of the last run")
    plan = plan_predictions(task_named(task), sources, Path(out))
    return _predict(pipeline, task, plan, seed, dict(options or {}), merge, runs)


def _predict(
    pipeline: Any,
    task: str,
    plan: PredictionPlan,
    seed: int,
    options: dict[str, Any],
    merge: Merge,
    runs: int,
) -> Predictions:
    done = Predictions(skipped=list(plan.skipped))
    for request in plan.requests:
        try:
            given = request.read() | options
            with failures_named(more_memory="give --fit stretch, or --device cpu"):
                output = _ask(pipeline, task, seed, merge, runs, given)
        except UnigsError as error:
            # No other picture will be predicted on a device that is gone.
            if not plan.of_folder or isinstance(error, DeviceError):
                raise
            done.skipped.append({"file": str(request.picture), "reason": str(error)})
            continue
        done.predictions.append(write_prediction(output, request))
        logger.info("%s: %d entities", request.picture, len(done.predictions[-1]["entities"]))
    return done


def _ask(
    pipeline: Any, task: str, seed: int, merge: Merge, runs: int, given: dict[str, Any]
) -> UniGSOutput:
    if merge == "seeds":
        return predict_with_seeds(pipeline, task, range(seed, seed + runs), **given)
    if merge == "tiles":
        return predict_in_tiles(pipeline, task, seed=seed, **given)
    if merge == "names":
        names = given.pop("names", None)
        if task_named(task).entities != "named" or not names:
            raise ConfigError("merging names", hint="give the task referring and names")
        return predict_by_name(pipeline, names, seed, **given)
    return pipeline(task=task, generator=seeded_generator(seed), **given)


def write_prediction(output: UniGSOutput, request: PredictionFiles) -> dict[str, Any]:
    """Write the only prediction of `output`, each file whole, first the JSON that records the
    others; return its paths and entities."""
    name, paths = request.name, request.outputs
    classes = sorted({e.class_name for e in output.entities[0] if e.class_name})  # type: ignore[index]
    names = ["entity", *classes]
    (labels,), (record,) = output.to_panoptic([name], {c: names.index(c) + 1 for c in classes})
    pictures = {
        "image": output.images[0],
        "colormap": Image.fromarray(np.asarray(output.colormaps[0])),
        "overlay": output.draw()[0],
        "segments": labels,
    }
    contents = {paths[kind]: _png(picture) for kind, picture in pictures.items()}
    image = {"id": name, "file_name": request.picture.name}
    content = {
        "info": record_of(paths["panoptic"], contents),
        "images": [image | {"height": labels.height, "width": labels.width}],
        "annotations": [record | {"file_name": paths["segments"].name}],
        "categories": [{"id": i, "name": one, "isthing": 1} for i, one in enumerate(names, 1)],
    }
    with writing(paths["panoptic"]) as partial:
        partial.write_text(json.dumps(content))
    for path, data in contents.items():
        with writing(path) as partial:
            partial.write_bytes(data)
    return {
        "name": name,
        **{kind: str(paths[kind]) for kind in ("image", "colormap", "overlay", "panoptic")},
        "entities": [entity.to_dict() for entity in output.entities[0]],  # type: ignore[index]
    }


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def split_names(text: str) -> Sequence[str]:
    """'dog, traffic light' -> ['dog', 'traffic light']."""
    return [name.strip() for name in text.split(",")]
