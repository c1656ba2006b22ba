"""The most bytes of tensors that a short training on the CPU holds at a time."""

from __future__ import annotations

import gc
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch.profiler import ProfilerActivity, profile

from unigs.config.preset import DiffusionConfig, TrainingConfig
from unigs.models.unet import build_unet
from unigs.tasks import TASKS
from unigs.training import checkpoint
from unigs.training.loop import train

# A checkpoint is written after the second step, and its copy held during the two that follow.
STEPS, EVERY = 4, 2


class RandomBatches:
    """Random latents in the form that training reads."""

    rank, world = 0, 1
    stores = dict.fromkeys(TASKS)

    def __init__(self, batch_size: int, latent: tuple[int, int, int], text: tuple[int, int]):
        self.batch_size, self.latent, self.text = batch_size, latent, text
        self.empty_text = torch.zeros(text)

    def batch(self, step: int) -> dict[str, torch.Tensor]:
        count, (channels, *sides) = self.batch_size, self.latent
        images = ("image", "colormap", "control")
        masks = {n: torch.ones(count, 1, *sides) for n in ("coarse", "balance", "valid")}
        return {
            **{name: torch.randn(count, channels, *sides) for name in images},
            **masks,
            "text": torch.randn(count, *self.text),
            "task": torch.arange(count) % len(TASKS),
        }


class _Enough(Exception):
    pass


def most_bytes(
    architecture: dict[str, Any],
    training: TrainingConfig,
    diffusion: DiffusionConfig,
    latent: tuple[int, int, int],
    text: tuple[int, int],
) -> int:
    """Train `STEPS` steps with a checkpoint every `EVERY` (both must be in `training`) on random
    batches; return the peak of torch's allocator, as its profiler counts it."""
    # What an earlier training left in cycles would go while this one is counted.
    gc.collect()
    unet = build_unet(architecture, latent[0])
    batches: Any = RandomBatches(training.batch_size, latent, text)
    ended = threading.Event()

    def log(step: int, metrics: dict[str, float]) -> None:
        # The profiler misses what another thread frees: end before a second checkpoint is copied.
        if step == STEPS:
            ended.set()
            raise _Enough

    with (
        tempfile.TemporaryDirectory() as folder,
        _slow_disk(ended),
        profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen,
        suppress(_Enough),
    ):
        train(unet, batches, training, diffusion, Path(folder), log=log)
    events = sorted(
        (event.start_ns(), event.nbytes())
        for event in seen.profiler.kineto_results.events()
        if event.name() == "[memory]"
    )
    now = most = sum(parameter.nbytes for parameter in unet.parameters())
    for _, change in events:
        now += change
        most = max(most, now)
    return most


@contextmanager
def _slow_disk(ended: threading.Event) -> Iterator[None]:
    written = checkpoint.save_checkpoint

    def slowly(*arguments: Any) -> Path:
        ended.wait(timeout=240)
        return written(*arguments)

    with patch.object(checkpoint, "save_checkpoint", slowly):
        yield
