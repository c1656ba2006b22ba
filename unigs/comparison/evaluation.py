"""What `unigs evaluate` left in a folder, as a comparison reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unigs.errors import DataError
from unigs.evaluation.evaluate import IMAGE_SCORES
from unigs.evaluation.metric_values import MetricValues, Role
from unigs.io.annotations.segment_ids import read_segments
from unigs.metrics.bootstrap.per_image import PerImage

TRUTH = "truth_panoptic.json"
_HINT = "give a folder that unigs evaluate --out wrote"


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """One evaluated task of a model.

    Attributes:
        name: by which the page calls the model.
        folder: as `unigs.evaluation.evaluate.evaluate` wrote it.
        values: the model's own metrics on held-out samples.
        scores: what each image contributes to them, by the key of its sample.
        files: key of a sample -> file name of its predictions; none where the scores alone were
            kept.
    """

    name: str
    folder: Path
    values: MetricValues
    scores: PerImage
    files: dict[str, str]

    @classmethod
    def read(cls, folder: Path, name: str) -> Evaluation:
        """Read a folder.

        Raises:
            DataError: it holds no evaluation.
        """
        values = MetricValues.read(folder)
        file = folder / TRUTH
        try:
            images = json.loads(file.read_text("utf-8"))["images"] if file.exists() else []
            files = {image["key"]: image["file_name"] for image in images}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"no evaluation: {error}", file=file, hint=_HINT) from error
        own = values.where(lambda value: value.role is Role.MODEL and not value.protocol)
        return cls(name, folder, own, PerImage.read(folder / IMAGE_SCORES), files)

    def labels(self, key: str) -> NDArray[np.int32] | None:
        """Return the (h, w) predicted entities of a sample, 0 = nothing; None where none were."""
        return self._labels("panoptic", key)

    def truth(self, key: str) -> NDArray[np.int32]:
        """Return the (h, w) true entities of a sample, 0 = nothing.

        Raises:
            DataError: its file is gone.
        """
        found = self._labels("truth_panoptic", key)
        if found is None:
            where = self.folder / "truth_panoptic" / self.files[key]
            raise DataError("no such file", file=where, hint="evaluate again")
        return found

    def picture(self, kind: str, key: str) -> Path | None:
        """Return the file of a predicted picture, `images` or `colormaps`; None without one."""
        path = self.folder / kind / self.files[key]
        return path if path.is_file() else None

    def _labels(self, kind: str, key: str) -> NDArray[np.int32] | None:
        path = self.folder / kind / self.files[key]
        return read_segments(path.read_bytes(), path) if path.is_file() else None


def tasks_of(folder: Path) -> dict[str, Path]:
    """Return the evaluated tasks of a folder: itself, under "", or those below it by name.

    Raises:
        DataError: neither holds an evaluation.
    """
    if (folder / IMAGE_SCORES).is_file():
        return {"": folder}
    found = {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{IMAGE_SCORES}"))}
    if not found:
        raise DataError("no evaluation there", file=folder, hint=_HINT)
    return found
