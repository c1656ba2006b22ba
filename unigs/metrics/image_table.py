"""The state of every metric here: a table with one row per image, identified by its key.

Sums in the order of arrival differ in their last digits between one process and several, and a
sampler that pads its shares hands images out twice. So no metric stores sums: each image adds a
row, the rows of all processes are gathered, and the result is computed once, over each image once,
in the order of the keys. It has the same bits for any split.

Rows are kilobytes an image. Beyond the first they lie in a temporary file, from which a result
reads one at a time: in memory stay the key of an image and two numbers.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.distributed import gather_all_tensors

from unigs.io.files import Scratch
from unigs.metrics.bootstrap.draws import DRAWS, Interval
from unigs.metrics.bootstrap.per_image import Parts, PerImage

__all__ = ["ImageTable", "Row"]

Row = dict[str, NDArray[Any]]
# Rows that processes exchange at once.
_EXCHANGED = 256


class ImageRows(Mapping[str, Row]):
    """Rows by the keys of their images, which ascend; a row is read when it is asked for.

    Args:
        dtypes: of the columns, by name.
    """

    def __init__(self, dtypes: Mapping[str, np.dtype[Any]]) -> None:
        self._dtypes = dict(dtypes)
        self._content, self._keys = Scratch(), list[str]()
        self._ranked = array("q")

    @property
    def added(self) -> int:
        """How many rows were added; a key may have several, of which the last one counts."""
        return len(self._keys)

    def add(self, key: str, values: Mapping[str, ArrayLike]) -> None:
        """Add the row of image ``key``: the values of every column, flattened.

        Raises:
            DataError: the disk is full.
        """
        parts = [np.ravel(np.asarray(values[name], dtype)) for name, dtype in self._dtypes.items()]
        sizes = np.array([len(part) for part in parts], np.int64)
        self.add_bytes(key, b"".join(part.tobytes() for part in (sizes, *parts)))

    def add_bytes(self, key: str, row: bytes) -> None:
        """Add a row that :meth:`bytes_of` another table of the same columns returned."""
        self._content.append(row)
        self._keys.append(key)
        self._ranked = array("q")

    def bytes_of(self, place: int) -> tuple[str, bytes]:
        """Return key and content of the row that was added as number ``place``, from 0."""
        return self._keys[place], self._content[place]

    def extend(self, other: ImageRows) -> None:
        """Add the rows of another table of the same columns."""
        for place in range(other.added):
            self.add_bytes(*other.bytes_of(place))

    def __deepcopy__(self, memo: dict[int, Any]) -> ImageRows:
        """Return a table of its own, as torchmetrics' ``clone()`` asks for."""
        copied = ImageRows(self._dtypes)
        copied.extend(self)
        return copied

    def __getitem__(self, key: str) -> Row:
        places = self._places()
        found = bisect_left(places, key, key=self._keys.__getitem__)
        if found == len(places) or self._keys[places[found]] != key:
            raise KeyError(key)
        content = self._content[places[found]]
        sizes = np.frombuffer(content, np.int64, len(self._dtypes))
        row, start = {}, sizes.nbytes
        for (name, dtype), size in zip(self._dtypes.items(), sizes.tolist(), strict=True):
            row[name] = np.frombuffer(content, dtype, size, start)
            start += row[name].nbytes
        return row

    def __iter__(self) -> Iterator[str]:
        return map(self._keys.__getitem__, self._places())

    def __len__(self) -> int:
        return len(self._places())

    def _places(self) -> array[int]:
        """Return the numbers of the rows that count, their keys ascending."""
        if self._keys and not self._ranked:
            # stable, so that of equal keys the last one is the last one added
            order = sorted(range(len(self._keys)), key=self._keys.__getitem__)
            keys = self._keys
            later = [one for one, after in pairwise(order) if keys[one] != keys[after]]
            self._ranked = array("q", [*later, order[-1]])
        return self._ranked


class ImageTable(Metric):
    """A :class:`torchmetrics.Metric` whose state is a table of images.

    A column holds any number of values per image (run lengths, IoUs, features), in one dimension.
    Processes may have any number of images each, none included.

    Args:
        columns: names of the columns and their dtypes.
    """

    full_state_update = False
    #: The rows of all processes, once the result was computed.
    gathered: ImageRows

    is_differentiable = False

    def __init__(self, **columns: torch.dtype) -> None:
        super().__init__()
        self._dtypes = {name: torch.empty(0, dtype=d).numpy().dtype for name, d in columns.items()}
        self._own = self._everyone = ImageRows(self._dtypes)

    def add_image(self, key: str, **values: ArrayLike) -> None:
        """Add the row of image ``key``: the values of every column, flattened.

        Raises:
            DataError: the disk is full.
        """
        self._own.add(key, values)

    def image_rows(self) -> ImageRows:
        """Return the rows by key, keys ascending; of a key that was added twice the last one.

        Within ``compute()`` they are those of all processes, which `gathered` keeps for the
        intervals.
        """
        self.gathered = self._everyone
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

    def forward(self, *arguments: Any, **options: Any) -> None:
        """Add an image; torchmetrics' result of one batch alone is not computed."""
        self.update(*arguments, **options)

    def reset(self) -> None:
        """Forget all images."""
        super().reset()
        self._own = self._everyone = ImageRows(self._dtypes)

    def merge_state(self, incoming_state: dict[str, Any] | Metric) -> None:
        """Add the images of another table; where both have one, the other's counts.

        Raises:
            ValueError: it is no metric of this class.
        """
        if not isinstance(incoming_state, type(self)):
            given, own = type(incoming_state).__name__, type(self).__name__
            raise ValueError(f"{own} cannot take in {given}; give a metric of its own class")
        self._own.extend(incoming_state._own)

    def sync(
        self,
        dist_sync_fn: Callable[..., list[Tensor]] | None = None,
        process_group: Any | None = None,
        should_sync: bool = True,
        distributed_available: Callable[[], bool] | None = None,
    ) -> None:
        """Gather the rows of all processes, some at a time; arguments as in
        :meth:`torchmetrics.Metric.sync`."""
        self._everyone = self._own
        available = distributed_available or self.distributed_available_fn
        if not should_sync or available is None or not available():
            return
        gather = dist_sync_fn or gather_all_tensors
        everyone = ImageRows(self._dtypes)

        def exchanged(values: ArrayLike) -> list[NDArray[Any]]:
            mine = torch.tensor(np.asarray(values), device=self.device)
            return [part.cpu().numpy() for part in gather(mine, process_group)]

        most = max(int(count) for count in exchanged(self._own.added))
        for start in range(0, most, _EXCHANGED):
            stop = min(start + _EXCHANGED, self._own.added)
            rows = [self._own.bytes_of(place) for place in range(start, stop)]
            named = [part for key, content in rows for part in (key.encode(), content)]
            sizes = exchanged(np.array([len(part) for part in named], np.int64))
            contents = exchanged(np.frombuffer(b"".join(named), np.uint8))
            for ends, content in zip(sizes, contents, strict=True):
                cuts = np.cumsum([0, *ends]).tolist()
                parts = [content[a:b].tobytes() for a, b in pairwise(cuts)]
                for name, row in zip(parts[::2], parts[1::2], strict=True):
                    everyone.add_bytes(name.decode(), row)
        self._everyone = everyone
