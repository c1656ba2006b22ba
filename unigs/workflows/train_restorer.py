"""Examples for the restorer, and its training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from unigs.colormap.distortion import Distortion
from unigs.colormap.orders import MAX_GRID
from unigs.colormap.palette import Palette
from unigs.colormap.pixel_weight import weigh_pixels
from unigs.colormap.restorer.damage import damage
from unigs.colormap.restorer.drawn_segments import draw_segments
from unigs.colormap.restorer.network import Restorer
from unigs.io.files import replacing
from unigs.training.muon import Muon

ORDERS = ("smooth", "contrast", "lexicographic", "linear")
GRIDS = (5, 7, MAX_GRID)
CROP, BATCH = 128, 8
# Peak learning rate, and the share of the steps that it takes to get there.
RATE, WARM_UP = 2e-3, 0.1
# Share of the crops as the autoencoder returned them; the others are damaged by `damage`, of which
# this share after they went through the autoencoder too.
THROUGH_AUTOENCODER, TWICE = 0.7, 0.25
# Keeps the gradient of the norm finite where a colour is right.
SOFT = 1e-4
SAVED_EVERY = 100
STATE = "state.pt"


class Example(NamedTuple):
    """A drawn colormap: `clean` and `returned` by the autoencoder, both (h, w, 3) uint8, and
    `weight` (h, w) float32 of each pixel's error."""

    clean: np.ndarray
    returned: np.ndarray
    weight: np.ndarray


def draw_example(number: int, trips: Sequence[Distortion], folder: Path) -> Example:
    """Return example `number`, made once and cached in `folder`.

    `trips` are the ways through the autoencoder, of which one is drawn.
    """
    path = folder / f"{number:05d}.npz"
    rng = np.random.default_rng([7, number])
    segments = draw_segments(rng)
    palette = Palette(int(rng.choice(GRIDS)), str(rng.choice(ORDERS)))
    if not path.is_file():
        clean = palette.encode(segments)
        returned = trips[int(rng.integers(len(trips)))](clean, rng)
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, clean=clean, returned=returned)
    with np.load(path, allow_pickle=False) as kept:
        return Example(kept["clean"], kept["returned"], weigh_pixels(segments))


def draw_batch(examples: Sequence[Example], step: int) -> tuple[Tensor, Tensor, Tensor]:
    """Damaged and clean crops (n, 3, c, c) in [0, 1] and weights (n, c, c) of one step."""
    rng = np.random.default_rng([0, step])
    damaged: list[np.ndarray] = []
    clean: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    for _ in range(BATCH):
        example = examples[int(rng.integers(len(examples)))]
        y, x = rng.integers(0, np.array(example.weight.shape) - CROP + 1)
        want, got, weight = (part[y : y + CROP, x : x + CROP] for part in example)
        if rng.random() >= THROUGH_AUTOENCODER:
            got = damage(got if rng.random() < TWICE else want, rng)
        flips = tuple(slice(None, None, int(way)) for way in rng.choice([1, -1], 2))
        for parts, part in ((damaged, got), (clean, want), (weights, weight)):
            parts.append(part[flips].copy())
    inputs, targets = (
        torch.from_numpy(np.stack(parts)).permute(0, 3, 1, 2).float() / 255
        for parts in (damaged, clean)
    )
    return inputs, targets, torch.from_numpy(np.stack(weights))


def loss(restored: Tensor, clean: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean L2 norm of the colour error, a scalar; unlike squared errors it
    preserves edges.

    Args:
        restored, clean: (n, 3, h, w) in [0, 1].
        weights: (n, h, w).
    """
    square = (restored - clean).square().sum(dim=1)
    return ((square + SOFT).sqrt() * weights).mean()


def train(examples: Sequence[Example], steps: int, folder: Path) -> Restorer:
    """Train a new restorer for `steps` steps of `BATCH` crops.

    The state is saved in `folder` every `SAVED_EVERY` steps; an interrupted training resumes from
    there and draws the same batches as one without a break.

    Raises:
        ValueError: the state in `folder` is of a training of another length.
    """
    torch.manual_seed(0)
    restorer = Restorer()
    optimizer = Muon(restorer.parameters(), RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, steps, pct_start=WARM_UP, final_div_factor=100, cycle_momentum=False
    )
    state, start = folder / STATE, 0
    if state.is_file():
        kept: dict[str, Any] = torch.load(state, weights_only=True)
        if kept["steps"] != steps:
            raise ValueError(f"{state}: of a training of {kept['steps']} steps, not of {steps}")
        start = kept["step"]
        restorer.load_state_dict(kept["restorer"])
        optimizer.load_state_dict(kept["optimizer"])
        schedule.load_state_dict(kept["schedule"])
    progress = tqdm(range(start, steps), initial=start, total=steps, unit="step")
    for step in progress:
        inputs, targets, weights = draw_batch(examples, step)
        error = loss(restorer(inputs), targets, weights)
        optimizer.zero_grad()
        error.backward()
        torch.nn.utils.clip_grad_norm_(restorer.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if (step + 1) % SAVED_EVERY == 0 or step + 1 == steps:
            progress.set_postfix(loss=f"{error.item():.4f}")
            folder.mkdir(parents=True, exist_ok=True)
            with replacing(state) as partial:
                torch.save(
                    {
                        "step": step + 1,
                        "steps": steps,
                        "restorer": restorer.state_dict(),
                        "optimizer": optimizer.state_dict(),
                        "schedule": schedule.state_dict(),
                    },
                    partial,
                )
    return restorer.eval().requires_grad_(False)
