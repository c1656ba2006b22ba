"""Table 7: the location-aware palette against random colours, each learned by a referring model.

The paper trains one referring model with each and, having one decoder, reads both with the
progressive dichotomy, which groups pixels by colour alone and so needs to know neither palette; we
do the same. A random colour is one of the palette's 124, drawn anew for each sample, no two
entities of which share one as long as its grid has room.

At the paper's threshold of 10 the dichotomy cuts the blurred edges of a short training to pieces,
and blur differs between the two. So each is also read with larger thresholds, and with the model's
own decoder, which without location takes the nearest of all 124 colours; every reading is a row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unigs.colormap import Palette
from unigs.evaluation.metric_values import MetricValue
from unigs.evaluation.paper.decoding import METRICS, Reading, read_predictions
from unigs.evaluation.paper.result import ResultTable, masks_table
from unigs.samples.sample import Sample

TABLE = 7
LOCATED, RANDOM = "location-aware palette", "random colours"
_PDM = {f"PDM delta {delta}": Reading("pdm", {"delta": float(delta)}) for delta in (10, 20, 30)}


@dataclass(frozen=True, slots=True)
class PredictedColormaps:
    """What a model predicts: samples of the referring task, each with a colormap (h, w, 3) uint8;
    the palette that it learned, and its decoder."""

    pairs: Iterable[tuple[Sample, NDArray[np.uint8]]]
    palette: Palette
    own: Reading


def palette_table(models: Mapping[str, PredictedColormaps]) -> ResultTable:
    """Return Table 7.

    Args:
        models: those at hand of ``RANDOM`` and ``LOCATED``; the row of one that is missing is
            empty.

    Raises:
        DataError: a model without a sample.
    """
    rows: list[tuple[str, list[MetricValue]]] = []
    counts = {}
    for name in (RANDOM, LOCATED):
        predicted = models.get(name)
        if predicted is None:
            rows.append((name, [MetricValue("", math.nan)] * len(METRICS)))
            continue
        readings = {**_PDM, f"{predicted.own.decoder}, the model's own": predicted.own}
        found, counts[name] = read_predictions(predicted.pairs, readings, predicted.palette)
        rows += [(f"{name}, {reading}", values) for reading, values in found]
    told = ", ".join(f"{count} with {name}" for name, count in counts.items())
    note = f"Measured rows: samples of the test protocol, up to three entities each ({told}), "
    return masks_table(TABLE, rows, f"{note}intervals of 95 %." if counts else "")


def location_gain(table: ResultTable) -> float:
    """Return by how much the best reading of the location-aware palette exceeds the best one of
    random colours in `miou`; NaN where a model is missing."""
    best = {
        name: max(
            (values[0].value for row, values in table.rows if row.startswith(f"{name}, ")),
            default=math.nan,
        )
        for name in (LOCATED, RANDOM)
    }
    return best[LOCATED] - best[RANDOM]
