"""What a run looks like before its last step, and how the page hears of it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unigs.models.autoencoder import decode_latents

Told = TypeVar("Told")
Result = TypeVar("Result")
# Between two previews, so that a page is not busy with pictures alone.
LEAST_SECONDS = 0.3
# Of a run's time, at most, that goes into previews.
SHARE = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class DenoisingStep:
    """A step of a run that is done.

    Attributes:
        number: of the step, from 1.
        total: number of steps.
        image, colormap: (h, w, 3) uint8, what the latents decode to by now; None for steps without
            a preview.
    """

    number: int
    total: int
    image: NDArray[np.uint8] | None = None
    colormap: NDArray[np.uint8] | None = None


class Previews:
    """Decodes the latents of a run now and then: not of its last step, and in no more than `SHARE`
    of its time."""

    def __init__(self) -> None:
        self._next = 0.0

    def step(self, model: Any, index: int, latents: Tensor) -> DenoisingStep:
        """Return what to show of a step.

        Args:
            model: the pipeline.
            index: of the step, from 0.
            latents: (1, 2C, h', w').
        """
        total, began = len(model.scheduler.timesteps), time.perf_counter()
        if index + 1 == total or began < self._next:
            return DenoisingStep(index + 1, total)
        image, colormap = (
            decode_latents(model.vae, half[:1], device=half.device)[0]
            for half in latents.chunk(2, dim=1)
        )
        ended = time.perf_counter()
        self._next = ended + max(LEAST_SECONDS, (ended - began) * (1 / SHARE - 1))
        return DenoisingStep(index + 1, total, image, colormap)


class Stopped(Exception):
    """Nobody waits for the result any more."""


def told_and_result(work: Callable[[Callable[[Told], None]], Result]) -> Iterator[Told | Result]:
    """Run `work` in a thread; yield everything that it tells, and at last its result.

    If nobody listens any more, its next word to `tell` raises `Stopped`, and this waits for its
    end: two runs at a time would mix their steps.

    Args:
        work: called with `tell`.

    Raises:
        Exception: what `work` raises.
    """
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    left = threading.Event()
    end = object()

    def tell(thing: Told) -> None:
        if left.is_set():
            raise Stopped
        told.put(thing)

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work, tell)
        future.add_done_callback(lambda _: told.put(end))
        try:
            while (thing := told.get()) is not end:
                yield thing
        finally:
            left.set()
        yield future.result()
