"""Tables 8 and 9 on what a model predicts: its colormaps read by different decoders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unigs.colormap import Palette, decode_batch
from unigs.errors import DataError
from unigs.evaluation.metric_values import MetricValue
from unigs.evaluation.paper.result import ResultTable, masks_table
from unigs.metrics.entity_metrics import SegmentationMetric
from unigs.samples.sample import Sample
from unigs.tasks import TASKS

TASK = TASKS["referring"]
METRICS = ("miou", "recall_50")
OWN_DECODER_TABLE = 8
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Reading:
    """A decoder with its options; ``true_clusters`` tells k-means the number of colours of the
    true colormap, black included."""

    decoder: str
    options: Mapping[str, Any] = field(default_factory=dict)
    true_clusters: bool = False


_PDM = Reading("pdm")
#: Table -> the rows that the paper has, in its order.
READINGS: Mapping[int, Mapping[str, Reading]] = {
    8: {
        "k-means, 3 clusters": Reading("kmeans", {"clusters": 3}),
        "k-means, true number": Reading("kmeans", true_clusters=True),
        "PDM": _PDM,
    },
    9: {
        **{f"delta {delta}": Reading("pdm", {"delta": float(delta)}) for delta in (1, 10, 20, 50)},
        "RGB": Reading("pdm", {"features": "rgb"}),
        "LAB": Reading("pdm", {"features": "lab"}),
        "RGB + LAB": _PDM,
    },
}


def decoding_table(
    table: int,
    predicted: Iterable[tuple[Sample, NDArray[np.uint8]]],
    palette: Palette,
    own: Reading,
) -> ResultTable:
    """Read predicted colormaps as each row of Table 8 or 9 says.

    Args:
        predicted: samples of the referring task, each with the (h, w, 3) uint8 colormap that a
            model predicted for it.
        palette, own: the model's palette and decoder; the latter is a further row of Table 8.

    Raises:
        DataError: no sample.
    """
    rows = dict(READINGS[table])
    if table == OWN_DECODER_TABLE:
        rows[f"{own.decoder}, the model's own"] = own
    found, count = read_predictions(predicted, rows, palette)
    note = f"Measured rows: {count} held-out samples, one prediction each, intervals of 95 %."
    return masks_table(table, found, note)


def read_predictions(
    predicted: Iterable[tuple[Sample, NDArray[np.uint8]]],
    rows: Mapping[str, Reading],
    palette: Palette,
) -> tuple[list[tuple[str, list[MetricValue]]], int]:
    """Read predicted colormaps in several ways.

    Args:
        predicted, palette: as in `decoding_table`.

    Returns:
        the values of ``METRICS`` of each row, and the number of samples.

    Raises:
        DataError: no sample.
    """
    metrics = {row: SegmentationMetric() for row in rows}
    count, stream = 0, iter(predicted)
    while batch := list(islice(stream, _AT_ONCE)):
        for row, reading in rows.items():
            for (sample, _), segments in zip(batch, _read(reading, batch, palette), strict=True):
                metrics[row].update(sample.key, sample.segments, segments)
        count += len(batch)
    if not count:
        raise DataError("no sample of the referring task", hint="build its shards")
    return [(row, _values(found)) for row, found in metrics.items()], count


def _read(
    reading: Reading, batch: Sequence[tuple[Sample, NDArray[np.uint8]]], palette: Palette
) -> list[np.ndarray]:
    """Return the entities of each colormap, which end at the coarse mask."""
    colormaps = [colormap for _, colormap in batch]
    if reading.true_clusters:
        found = [
            one
            for sample, colormap in batch
            for one in decode_batch(
                [colormap], reading.decoder, palette, TASK.background, clusters=_colors(sample)
            )
        ]
    else:
        images = [sample.image for sample, _ in batch]
        found = decode_batch(
            colormaps, reading.decoder, palette, TASK.background, images, **reading.options
        )
    return [
        np.where(sample.coarse_mask, one.segments, 0)
        for (sample, _), one in zip(batch, found, strict=True)
    ]


def _colors(sample: Sample) -> int:
    return max(1, len(np.unique(sample.colormap.reshape(-1, 3), axis=0)))


def _values(metric: SegmentationMetric) -> list[MetricValue]:
    scores, known = metric.compute(), metric.intervals()
    return [MetricValue.measured(name, scores[name], known.get(name)) for name in METRICS]
