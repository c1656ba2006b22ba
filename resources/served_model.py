"""The registered model as MLflow serves it: this file is logged as code, the weights as a folder.

Input: a list of records with ``task`` and, as the task asks, ``image`` (path),
``coarse_mask`` (path), ``colormap`` (path), ``prompt``, ``seed``, ``steps``.
Output: a list with ``image`` and ``colormap`` ((h, w, 3) uint8) and ``entities`` of each record.
"""

from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel
from PIL import Image

_FILES = {"image": "RGB", "coarse_mask": "1", "colormap": "RGB"}


class ServedUniGS(PythonModel):
    """Loads the diffusers folder once and answers record by record."""

    def load_context(self, context: Any) -> None:
        """Open the pipeline from the logged folder."""
        from unigs.pipeline import UniGSPipeline

        self.pipeline = UniGSPipeline.from_pretrained(context.artifacts["pipeline"])

    # MLflow finds by inspection that the context is left out and the input is a list.
    def predict(  # type: ignore[override]
        self, model_input: list[Any], params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Answer every record of ``model_input``."""
        return [self._answer(dict(record)) for record in model_input]

    def _answer(self, record: dict[str, Any]) -> dict[str, Any]:
        import torch

        seed = record.pop("seed", 0)
        steps = record.pop("steps", None)
        for key, mode in _FILES.items():
            if isinstance(record.get(key), str):
                record[key] = np.asarray(Image.open(record[key]).convert(mode))
        generator = torch.Generator().manual_seed(int(seed))
        output: Any = self.pipeline(
            **record, num_inference_steps=steps and int(steps), generator=generator
        )
        return {
            "image": np.asarray(output.images[0]),
            "colormap": np.asarray(output.colormaps[0]),
            "entities": [entity.to_dict() for entity in output.entities[0]],
        }


set_model(ServedUniGS())
