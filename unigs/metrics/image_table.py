"""The state of every metric here: a table with one row per image, identified by its key.

Sums in the order of arrival differ in their last digits between one process and several, and a
sampler that pads its shares hands images out twice. So no metric stores sums: each image adds a
row, torchmetrics gathers the rows of all processes, and the result is computed once, over each
image once, in the order of the keys. It has the same bits for any split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
# Rows that are joined in one tensor as they come: a tensor a row costs more than the values in it.
_JOINED = 256


class ImageRows(Mapping[str, Row]):
    """The rows of a table by the keys of their images, which ascend; a row is cut out of the whole
    columns when it is asked for.

    Args:
        columns: name -> the values of all images, one image after the other.
        starts: (images + 1, columns) int64: where the values of each image begin.
        places: key -> number of its image.
    """

    def __init__(
        self,
        columns: dict[str, NDArray[Any]],
        starts: NDArray[np.int64],
        places: dict[str, int],
    ) -> None:
        self._columns, self._starts = columns, starts
        self._places = {key: places[key] for key in sorted(places)}

    def __getitem__(self, key: str) -> Row:
        place = self._places[key]
        ends = zip(self._starts[place].tolist(), self._starts[place + 1].tolist(), strict=True)
        return {
            name: values[start:stop]
            for (name, values), (start, stop) in zip(self._columns.items(), ends, strict=True)
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


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
    gathered: ImageRows

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
        tensors = self.image_sizes
        assert isinstance(tensors, list)
        # of rows that were joined already there are several in a tensor
        if len(tensors) >= _JOINED and len(tensors[-_JOINED]) == len(sizes):
            for state in self._dtypes:
                held = getattr(self, state)
                held[-_JOINED:] = [torch.cat(held[-_JOINED:])]

    def image_rows(self) -> ImageRows:
        """Return the rows by key, keys ascending; of a key that was added twice the last one.

        Within ``compute()`` they are those of all processes, which `gathered` keeps for the
        intervals.
        """
        whole = {name: self._joined(name) for name in self._dtypes}
        names, sizes = whole.pop("image_keys").tobytes(), whole.pop("image_sizes")
        sizes = sizes.reshape(-1, len(self._columns) + 1)
        starts = np.zeros((len(sizes) + 1, sizes.shape[1]), np.int64)
        np.cumsum(sizes, axis=0, out=starts[1:])
        ends = starts[:, 0].tolist()
        places = {
            names[ends[place] : ends[place + 1]].decode(): place for place in range(len(sizes))
        }
        self.gathered = ImageRows(whole, starts[:, 1:], places)
        return self.gathered

    def intervals(self, draws: int = DRAWS, seed: int = 0) -> dict[str, Interval]:
        """Return the bootstrap interval of every score that has one, after ``compute()``."""
        return self.per_image().intervals(draws, seed)

    def per_image(self) -> PerImage:
        """Return what each image contributes to the scores that are ratios, after ``compute()``."""
        keys = tuple(self.gathered)
        parts: dict[str, NDArray[np.float64]] = {}
        for place, row in enumerate(self.gathered.values()):
            for name, part in self.image_parts(row).items():
                parts.setdefault(name, np.zeros((len(keys), 2)))[place] = part
        return PerImage(keys, parts)

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
