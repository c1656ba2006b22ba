"""A preset with a share of its steps, for comparisons shorter than a whole training."""

from __future__ import annotations

from typing import Any

from unigs.config.preset import Preset, load_preset


def shortened(name: str, changes: dict[str, Any], share: float, seed: int) -> Preset:
    """Return the preset with `changes`, `share` of its steps and warm-up, and another seed."""
    training = load_preset(name, changes).training
    assert training.steps is not None, "a preset with training.steps"
    # The schedule is the preset's, shorter.
    own: dict[str, Any] = {
        "training.steps": max(1, round(share * training.steps)),
        "training.warmup_steps": round(share * training.warmup_steps),
        "training.seed": seed,
        "unet.seed": seed,
    }
    return load_preset(name, {**changes, **own})
