"""What a step needs, prepared while the device computes the step before."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

import torch

T = TypeVar("T")
A = TypeVar("A")


def worth_a_thread(device: torch.device) -> bool:
    """Return whether preparing ahead gains anything: on the CPU it would take the cores from the
    step that computes."""
    return device.type != "cpu"


class Ahead(Generic[T]):
    """`prepare(step)` for one step after the other, on accelerators a step ahead in a thread.

    A context manager, whose end waits for the thread. What `prepare` raises is raised when its step
    is asked for.

    Args:
        prepare: gives the same for the same step; its results live on the CPU.
        steps: of the run: none is prepared beyond them.
        device: that computes the steps.

    Attributes:
        share: of the time since the first step, what was spent waiting for `prepare`.
    """

    def __init__(self, prepare: Callable[[int], T], steps: int, device: torch.device) -> None:
        self._prepare, self._steps, self._device = prepare, steps, device
        self._pool: ThreadPoolExecutor | None = None
        if worth_a_thread(device):
            self._pool = ThreadPoolExecutor(1, "ahead", self._start)
        self._next: tuple[int, Future[T]] | None = None
        self._began, self._waited = 0.0, 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def __call__(self, step: int) -> T:
        """Return what `prepare` gives for a step."""
        asked = time.monotonic()
        if self._pool is None:
            found = self._prepare(step)
        else:
            if self._next is None or self._next[0] != step:
                self._next = step, self._pool.submit(self._prepare, step)
            found = self._next[1].result()
            self._next = None
            if step + 1 < self._steps:
                self._next = step + 1, self._pool.submit(self._prepare, step + 1)
        now = time.monotonic()
        if self._began:
            self._waited += now - asked
        else:
            # Nothing could be prepared before the first step.
            self._began = now
        return found

    def aside(self, work: Callable[[], A]) -> A:
        """Do something else with what `prepare` reads, not at the same time as it."""
        return work() if self._pool is None else self._pool.submit(work).result()

    @property
    def share(self) -> float:
        return self._waited / max(time.monotonic() - self._began, 1e-9) if self._began else 0.0

    def _start(self) -> None:
        if self._device.type == "cuda":
            # Copies to the CPU would wait for the kernels of the step that computes.
            torch.cuda.set_device(self._device)
            stream = torch.cuda.Stream(self._device)
            # Encoders may still be on their way to the device.
            stream.wait_stream(torch.cuda.default_stream(self._device))
            torch.cuda.set_stream(stream)
