"""Latents drawn from the autoencoder's posterior, anew in every epoch.

Stable Diffusion was trained on draws, not on the mean. What is stored are mean and deviation; a
draw costs nothing beside reading them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch

from unigs.tasks import TASKS

DRAWN = ("image", "colormap", "control")
SUFFIX = "_deviation"


def draw_latents(
    batch: dict[str, np.ndarray], tasks: Sequence[str], seed: int, positions: Sequence[int]
) -> None:
    """Replace means by draws, in place, and take the deviations out of the batch.

    A control that repeats image or colormap (Table 2) repeats their draw. Without deviations the
    batch stays as it is.

    Args:
        batch: of n samples: `image`, `colormap`, `control` (n, C, h, w) float32, and for those that
            are drawn the same with `_deviation`.
        tasks: of each sample.
        positions: of each sample in the stream (step and place, whatever the number of processes);
            a draw depends on the seed and its position alone.
    """
    deviations = {part: batch.pop(part + SUFFIX) for part in DRAWN if part + SUFFIX in batch}
    if not deviations:
        return
    for row, (task, position) in enumerate(zip(tasks, positions, strict=True)):
        noise = _noise(seed, position, batch["image"].shape[1:])
        repeated = TASKS[task].control
        noise["control"] = noise.get(repeated, noise["control"])
        for part, deviation in deviations.items():
            batch[part][row] += deviation[row] * noise[part]


def _noise(seed: int, position: int, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    digest = hashlib.sha256(f"{seed}/posterior/{position}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    drawn = torch.randn((len(DRAWN), *shape), generator=generator).numpy()
    return dict(zip(DRAWN, drawn, strict=True))
