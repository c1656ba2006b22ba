"""Means over trainings that differ in their seed, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and half of the width of Student's 95 % interval: NaN below two values."""
    found = np.asarray(values, np.float64)
    if len(found) < 2:
        return (float(found.mean()) if len(found) else math.nan), math.nan
    error = found.std(ddof=1) / math.sqrt(len(found))
    return float(found.mean()), float(stats.t.ppf((1 + CONFIDENCE) / 2, len(found) - 1) * error)


def interval_text(values: Sequence[float]) -> str:
    """Return ``0.512 ± 0.031``, of one value the value, of none a dash."""
    mean, half = mean_interval(values)
    if math.isnan(mean):
        return "-"
    return f"{mean:.3f}" if math.isnan(half) else f"{mean:.3f} ± {half:.3f}"
