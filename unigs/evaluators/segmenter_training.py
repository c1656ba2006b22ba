"""Train the small segmenter on scenes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

from unigs.evaluators.scene_arrays import SceneArrays, gather
from unigs.evaluators.segmenter import SegmentationNet, Segmenter, to_pixels
from unigs.io.machine import autocast, machine
from unigs.io.process_memory import freed_memory_kept
from unigs.scene import Scene


@dataclass(frozen=True, slots=True)
class SegmenterOptions:
    """Size and schedule; the defaults take under a minute on two cores at 64x64.

    ``size`` pixels per side, ``width`` channels at full resolution, ``scenes`` read at most,
    ``steps`` of ``batch`` images, peak ``learning_rate``, ``held_out`` share of the scenes.
    """

    size: int = 64
    width: int = 16
    scenes: int = 3000
    steps: int = 350
    batch: int = 32
    learning_rate: float = 4e-3
    held_out: float = 0.1
    seed: int = 0


@freed_memory_kept()
def train_segmenter(
    scenes: Iterable[Scene],
    options: SegmenterOptions | None = None,
    progress: Callable[[int, float], object] | None = None,
) -> Segmenter:
    """Train on scenes (the train split: never on what a model made), mirrored at random.

    Unlabelled and crowd pixels do not count. The last ``held_out`` share of the scenes is scored
    into ``accuracy``: ``pixel`` (share of labelled pixels), ``class_miou``, ``n`` and ``seconds``.
    ``progress(step, loss)`` is called at every step.
    """
    options = options or SegmenterOptions()
    started = time.monotonic()
    fit, held_out = gather(scenes, options.size, options.scenes).split(options.held_out)
    layout = machine().convolution_format
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        net = SegmentationNet(len(fit.names), options.width).to(memory_format=layout)
    optimiser = torch.optim.AdamW(net.parameters(), options.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.learning_rate, total_steps=options.steps, pct_start=0.1
    )
    weights = _class_weights(fit)
    rng = np.random.default_rng(options.seed)
    for step in range(options.steps):
        chosen = rng.integers(len(fit.images), size=options.batch)
        images, classes = fit.images[chosen], fit.classes[chosen]
        if rng.random() < 0.5:
            images, classes = images[:, :, ::-1], classes[:, :, ::-1]
        with autocast("auto", torch.device("cpu")):
            logits = net(to_pixels(images).contiguous(memory_format=layout))
        target = torch.from_numpy(classes.copy())
        loss = torch.nn.functional.cross_entropy(logits.float(), target, weights, ignore_index=0)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if progress is not None:
            progress(step, loss.item())
    plain = net.to(memory_format=torch.contiguous_format)
    segmenter = Segmenter(plain, fit.names, fit.things, options.width, "segmenter")
    segmenter.accuracy = _score(segmenter, held_out)
    segmenter.accuracy["seconds"] = time.monotonic() - started
    return segmenter


def _class_weights(arrays: SceneArrays) -> torch.Tensor:
    """Return (classes + 1,) float32: inverse roots of the classes' areas, lest small things be
    ignored."""
    counts = np.bincount(arrays.classes.ravel(), minlength=len(arrays.names) + 1)
    weights = 1 / np.sqrt(np.maximum(counts, 1))
    weights[0] = 0
    return torch.from_numpy(weights / weights[1:].mean()).float()


def _score(segmenter: Segmenter, arrays: SceneArrays) -> dict[str, float]:
    k = len(arrays.names) + 1
    table = np.zeros((k, k), np.int64)
    for start in range(0, len(arrays.images), 64):
        prediction = segmenter.classify(arrays.images[start : start + 64])
        truth = arrays.classes[start : start + 64]
        table += np.bincount((truth * k + prediction).ravel(), minlength=k * k).reshape(k, k)
    evaluated = table[1:]
    hits = np.diagonal(table)[1:]
    union = evaluated.sum(1) + evaluated[:, 1:].sum(0) - hits
    present = evaluated.sum(1) > 0
    return {
        "pixel": float(hits.sum() / max(evaluated.sum(), 1)),
        "class_miou": float(np.mean(hits[present] / union[present])),
        "n": float(len(arrays.images)),
    }
