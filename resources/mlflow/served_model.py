"""The registered model as MLflow serves it: this file is logged as code, the weights as a folder.

MLflow runs it where a model is loaded; nothing of the code location imports it, so that its own
imports cost no start.

Input: a list of records with ``task`` and, as the task asks, ``image``, ``coarse_mask``,
``colormap`` (paths, read as `unigs predict` reads them), ``prompt`` or ``names``, ``seed``,
``steps`` and further arguments of the pipeline call.
Output: a list with ``image`` and ``colormap`` ((h, w, 3) uint8) and ``entities`` of each record.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class ServedUniGS(PythonModel):
    """Loads the diffusers folder once and predicts record by record."""

    def load_context(self, context: Any) -> None:
        """Open the pipeline from the logged folder, on the accelerator where there is one, in the
        precision in which it was evaluated."""
        from unigs.evaluation.run import on_device
        from unigs.io.device import this_device
        from unigs.pipeline import UniGSPipeline

        pipeline: Any = UniGSPipeline.from_pretrained(context.artifacts["pipeline"])
        self.pipeline = on_device(pipeline, this_device())

    # MLflow finds by inspection that the context is left out and the input is a list.
    def predict(  # type: ignore[override]
        self, model_input: list[Any], params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Run the pipeline on every record of ``model_input``."""
        from unigs.errors import ConfigError, UnigsError

        done = []
        for number, record in enumerate(model_input):
            try:
                done.append(self._predict(record))
            except UnigsError as error:
                raise ConfigError(f"record {number}: {error}") from error
        return done

    def _predict(self, record: Any) -> dict[str, Any]:
        from unigs.io.device import failures_named
        from unigs.pipeline.initial_noise import seeded_generator

        given = _arguments(record)
        generator = seeded_generator(given.pop("seed", 0))
        with failures_named(more_memory="give smaller pictures"):
            output: Any = self.pipeline(**given, generator=generator)
        return {
            "image": np.asarray(output.images[0]),
            "colormap": np.asarray(output.colormaps[0]),
            "entities": [entity.to_dict() for entity in output.entities[0]],
        }


def _arguments(record: Any) -> dict[str, Any]:
    """Return the arguments of the pipeline call, files read; raise ConfigError for what is none."""
    import inspect

    from unigs.errors import ConfigError
    from unigs.io.image_file import read_image
    from unigs.io.mask_file import read_mask
    from unigs.pipeline import UniGSPipeline

    if not isinstance(record, Mapping):
        raise ConfigError(f"is {type(record).__name__}", hint="give an object with a task")
    # a table of records fills what one of them lacks with NaN
    given = {
        str(key): value
        for key, value in record.items()
        if value is not None and not (isinstance(value, float) and math.isnan(value))
    }
    if "steps" in given:
        given["num_inference_steps"] = given.pop("steps")
    known = {*inspect.signature(UniGSPipeline.__call__).parameters, "seed"}
    known -= {"self", "generator", "output_type", "return_dict"}
    if "task" not in given or (unknown := sorted(set(given) - known)):
        fault = "task: missing" if "task" not in given else f"{', '.join(unknown)}: unknown"
        raise ConfigError(fault, hint="give task, image, coarse_mask, names, seed, steps")
    for key in ("image", "colormap"):
        if isinstance(given.get(key), str):
            given[key] = read_image(Path(given[key]))
    image = given.get("image")
    if isinstance(given.get("coarse_mask"), str) and isinstance(image, np.ndarray):
        given["coarse_mask"] = read_mask(Path(given["coarse_mask"]), image.shape[:2])
    return given


set_model(ServedUniGS())
