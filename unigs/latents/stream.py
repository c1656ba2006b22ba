"""Training batches as a pure function of the step: nothing to save, nothing to restore.

webdataset has no state that could be restored in the middle of an epoch; here the step
number is the state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from unigs.errors import ConfigError
from unigs.latents.posterior import draw_latents
from unigs.tasks import TASKS

BLOCK = 100


class SampleStore(Protocol):
    """What a stream draws from: `LatentStore`, or `PixelStore` that encodes when asked."""

    latent_shape: tuple[int, int, int]
    text_shape: tuple[int, int]

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int] | np.ndarray) -> dict[str, np.ndarray]:
        """Stack samples, float32: image, colormap, control, coarse, valid, balance, text, and the
        deviations of what is drawn anew (`unigs.latents.posterior`)."""

    @property
    def empty_text(self) -> np.ndarray:
        """(L, D) float32: the embedding of the empty prompt."""


class MixedStream:
    """An endless stream of batches over the latents of one or several tasks.

    Every block of 100 draws holds each task's share to the nearest draw (largest remainder),
    in an order of its own; for ratios in whole tenths the block is ten. Each task walks through
    its samples in a permutation of its own, a new one each epoch, so that no sample comes
    twice before all came once; where a task has several data sets, each of them does so.
    `batch(step)` depends on (seed, step, rank, world) alone; the batches of all ranks of a
    step, one after the other, are the batch of world 1.

    Args:
        stores: task -> its latents, or task -> {data set: its latents}; all of one latent and
            text shape.
        ratios: task -> share, any positive scale; `Task.ratio` by default.
        datasets: data set -> weight, any positive scale, by which the tasks that have several
            divide their share; by default the number of samples.
        batch_size: over all ranks; ``world`` must divide it.

    Raises ConfigError when stores, ratios and sizes do not fit together.
    """

    def __init__(
        self,
        stores: Mapping[str, SampleStore | Mapping[str, SampleStore]],
        ratios: Mapping[str, float] | None = None,
        batch_size: int = 32,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        datasets: Mapping[str, float] | None = None,
    ) -> None:
        if not stores or not set(stores) <= set(TASKS):
            raise ConfigError(f"stores of {sorted(stores)}: give some of {', '.join(TASKS)}")
        if batch_size < 1 or batch_size % world or not 0 <= rank < world:
            raise ConfigError(
                f"batch size {batch_size}, rank {rank} of {world}: "
                "the batch must divide among the ranks"
            )
        # In the order of TASKS, so that a mapping's order changes nothing.
        self.stores = {name: stores[name] for name in TASKS if name in stores}
        if ratios is None:
            ratios = {name: TASKS[name].ratio for name in self.stores}
        if set(ratios) != set(self.stores) or min(ratios.values()) <= 0:
            raise ConfigError(f"ratios {dict(ratios)}: give a positive one for each store")
        self._streams, shares = _streams(self.stores, ratios, datasets)
        shapes = {(store.latent_shape, store.text_shape) for store in self._streams.values()}
        if len(shapes) > 1:
            raise ConfigError(f"latents of different shapes: {sorted(shapes)}")
        self.batch_size, self.seed, self.rank, self.world = batch_size, seed, rank, world
        self._quotas = block_quotas(shares)
        self._block = np.repeat(np.arange(len(self._quotas)), self._quotas)
        self._orders: dict[tuple[str, int], np.ndarray] = {}

    def draws(self, step: int) -> list[tuple[str, int]]:
        """Return (stream, index in its store) of each sample of this rank's part of a batch; a
        stream is named as its task, or ``task/data set``."""
        return [self._draw(position) for position in range(*self._positions(step))]

    def batch(self, step: int) -> dict[str, Tensor]:
        """Return the batch of a step: `image`, `colormap`, `control` (B, C, h, w), `coarse`,
        `valid`, `balance` (B, 1, h, w), `text` (B, L, D) float32; `task` (B,) int64, its index."""
        draws = self.draws(step)
        merged: dict[str, np.ndarray] = {}
        for name, store in self._streams.items():
            rows = [row for row, (stream, _) in enumerate(draws) if stream == name]
            if not rows:
                continue
            for part, values in store.batch([draws[row][1] for row in rows]).items():
                if part not in merged:
                    # Not all tasks need have the same deviations.
                    merged[part] = np.zeros((len(draws), *values.shape[1:]), dtype=np.float32)
                merged[part][rows] = values
        tasks = [_task(stream) for stream, _ in draws]
        draw_latents(merged, tasks, self.seed, range(*self._positions(step)))
        batch = {part: torch.from_numpy(values) for part, values in merged.items()}
        batch["task"] = torch.tensor([TASKS[task].index for task in tasks])
        return batch

    def steps_per_epoch(self, task: str) -> float:
        """Return the steps after which every sample of a task came once."""
        return max(
            len(store) * len(self._block) / (int(quota) * self.batch_size)
            for (name, store), quota in zip(self._streams.items(), self._quotas, strict=True)
            if _task(name) == task
        )

    @property
    def empty_text(self) -> Tensor:
        """(L, D) float32: the embedding of the empty prompt."""
        return torch.from_numpy(next(iter(self._streams.values())).empty_text)

    def _positions(self, step: int) -> tuple[int, int]:
        """Return the first position of this rank's part of a batch, and the one after its last."""
        share = self.batch_size // self.world
        first = step * self.batch_size + self.rank * share
        return first, first + share

    def _draw(self, position: int) -> tuple[str, int]:
        block, place = divmod(position, len(self._block))
        order = self._shuffled("block", block, lambda: self._block)
        number = int(order[place])
        earlier = block * int(self._quotas[number]) + int((order[:place] == number).sum())
        name = list(self._streams)[number]
        length = len(self._streams[name])
        epoch, index = divmod(earlier, length)
        # Four bytes a sample; of more than 2**31 samples there is no set.
        numbers = self._shuffled(name, epoch, lambda: np.arange(length, dtype=np.int32))
        return name, int(numbers[index])

    def _shuffled(self, name: str, epoch: int, values: Callable[[], np.ndarray]) -> np.ndarray:
        order = self._orders.get((name, epoch))
        if order is None:
            text = f"{self.seed}/{name}/{epoch}"
            entropy = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
            order = np.random.default_rng(entropy).permutation(values())
            # Two neighbouring epochs can meet in one batch; more are never needed at once.
            for key in [key for key in self._orders if key[0] == name][:-1]:
                del self._orders[key]
            self._orders[name, epoch] = order
        return order


def _streams(
    stores: Mapping[str, SampleStore | Mapping[str, SampleStore]],
    ratios: Mapping[str, float],
    datasets: Mapping[str, float] | None,
) -> tuple[dict[str, SampleStore], list[float]]:
    """Stream name -> store, and the share of each stream."""
    streams: dict[str, SampleStore] = {}
    shares: list[float] = []
    for task, held in stores.items():
        if not isinstance(held, Mapping):
            streams[task] = held
            shares.append(ratios[task])
            continue
        weights = {
            name: len(held[name]) if datasets is None else datasets.get(name, 0) for name in held
        }
        if not held or min(weights.values()) <= 0:
            raise ConfigError(
                f"{task} has data sets weighted {weights}: give each a positive weight"
            )
        for name in sorted(held):
            streams[f"{task}/{name}"] = held[name]
            shares.append(ratios[task] * weights[name] / sum(weights.values()))
    return streams, shares


def _task(stream: str) -> str:
    return stream.partition("/")[0]


def block_quotas(ratios: list[float]) -> np.ndarray:
    """Draws of each task in one block: (n,) int64, at least 1 each.

    The block is the shortest of up to 100 draws that holds the ratios exactly; where none does,
    100 draws by largest remainder, ties to the earlier task.
    """
    shares = np.array(ratios, dtype=np.float64) / sum(ratios)
    for length in range(len(shares), BLOCK + 1):
        exact = shares * length
        if np.abs(exact - exact.round()).max() < 1e-9 and exact.round().min() >= 1:
            return exact.round().astype(np.int64)
    quotas = np.maximum(np.floor(shares * BLOCK).astype(np.int64), 1)
    remainders = shares * BLOCK - quotas
    for number in np.argsort(-remainders, kind="stable")[: max(BLOCK - int(quotas.sum()), 0)]:
        quotas[number] += 1
    return quotas
