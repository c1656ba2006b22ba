"""The state of every metric here: a table with one row per image, identified by its key.

Sums in the order of arrival differ in their last digits between one process and several, and a
sampler that pads its shares hands images out twice. So no metric stores sums: each image adds a
row, torchmetrics gathers the rows of all processes, and the result is computed once, over each
image once, in the order of the keys. It has the same bits for any split.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from unigs.metrics.bootstrap.draws import DRAWS, Interval
from unigs.metrics.bootstrap.per_image import Parts, PerImage

__all__ = ["ImageTable", "Row"]

Row = dict[str, NDArray[Any]]


class ImageTable(Metric):
    """A :class:`torchmetrics.Metric` whose states are the columns of a table of images.

    A column holds any number of values per image (run lengths, IoUs, features), as one
    one-dimensional tensor per image. All states are reduced by concatenation, so processes may have
    any number of images each, none included.

    Args:
        columns: names of the columns and their dtypes.
    """

    full_state_update = False
    #: The rows of all processes, once the result was computed.
    gathered: dict[str, Row]

    is_differentiable = False

    def __init__(self, **columns: torch.dtype) -> None:
        super().__init__()
        self._columns = tuple(columns)
        self._dtypes = {"image_keys": torch.uint8, "image_sizes": torch.int64, **columns}
        for name in self._dtypes:
            self.add_state(name, [], dist_reduce_fx="cat")

    def add_image(self, key: str, **values: ArrayLike) -> None:
        """Add the row of image ``key``: the values of every column, flattened."""
        name = np.frombuffer(key.encode(), np.uint8)
        flat = [np.ravel(np.asarray(values[column])) for column in self._columns]
        sizes = np.array([len(name), *(len(part) for part in flat)])
        for state, part in zip(self._dtypes, (name, sizes, *flat), strict=True):
            tensor = torch.tensor(part, dtype=self._dtypes[state], device=self.device)
            getattr(self, state).append(tensor)

    def image_rows(self) -> dict[str, Row]:
        """Return the rows by key, keys ascending; of a key that was added twice the last one.

        Within ``compute()`` they are those of all processes, which `gathered` keeps for the
        intervals.
        """
        whole = {name: self._joined(name) for name in self._dtypes}
        rows: dict[str, Row] = {}
        at = np.zeros(len(self._columns) + 1, int)
        for sizes in whole["image_sizes"].reshape(-1, len(at)):
            end = at + sizes
            key = whole["image_keys"][at[0] : end[0]].tobytes().decode()
            rows[key] = {
                name: whole[name][start:stop]
                for name, start, stop in zip(self._columns, at[1:], end[1:], strict=True)
            }
            at = end
        self.gathered = {key: rows[key] for key in sorted(rows)}
        return self.gathered

    def intervals(self, draws: int = DRAWS, seed: int = 0) -> dict[str, Interval]:
        """Return the bootstrap interval of every score that has one, after ``compute()``."""
        return self.per_image().intervals(draws, seed)

    def per_image(self) -> PerImage:
        """Return what each image contributes to the scores that are ratios, after ``compute()``."""
        return PerImage.of({key: self.image_parts(row) for key, row in self.gathered.items()})

    def image_parts(self, row: Row) -> Parts:
        """Return the contributions of one image; none where no score is a ratio of sums."""
        return {}

    def sync(self, *arguments: Any, **options: Any) -> None:
        """Gather the rows of all processes; see :meth:`torchmetrics.Metric.sync`."""
        # A process without images must send tensors of the dtypes that the others send.
        for name, dtype in self._dtypes.items():
            if isinstance(getattr(self, name), list) and not getattr(self, name):
                setattr(self, name, [torch.zeros(0, dtype=dtype, device=self.device)])
        super().sync(*arguments, **options)

    def _joined(self, name: str) -> NDArray[Any]:
        state: list[Tensor] | Tensor = getattr(self, name)
        if isinstance(state, list) and not state:
            state = torch.zeros(0, dtype=self._dtypes[name])
        return dim_zero_cat(state).cpu().numpy()
