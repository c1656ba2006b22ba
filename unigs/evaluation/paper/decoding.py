"""Tables 8 and 9 on what a model predicts: its colormaps read by different decoders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from unigs.colormap import Palette, decode_batch
from unigs.errors import DataError
from unigs.evaluation.metric_values import MetricValue
from unigs.evaluation.paper.result import ResultTable, masks_table
from unigs.evaluation.predictions import PipelineSource
from unigs.metrics.entity_metrics import SegmentationMetric
from unigs.samples.sample import Sample
from unigs.tasks import TASKS

TASK = TASKS["referring"]
METRICS = ("miou", "recall_50")


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


def decoding_tables(
    pipeline: Any,
    samples: Iterable[Sample],
    *,
    seed: int = 0,
    batch_size: int = 32,
    progress: Callable[[int], object] | None = None,
) -> dict[int, ResultTable]:
    """Predict referring samples once and read the colormaps as each row of both tables says.

    The model's own decoder is a further row of Table 8.

    Args:
        pipeline: a `UniGSPipeline` that was trained on the referring task.
        samples: of the referring task.
        seed: as in `unigs.evaluation.evaluate.evaluate`.
        progress: called after each batch with the number of its samples.

    Raises:
        DataError: no sample.
    """
    palette = Palette.from_name(pipeline.config["palette"])
    own = Reading(pipeline.config["decoder"], pipeline.config["decoder_options"])
    readings = {
        8: {**READINGS[8], f"{own.decoder}, the model's own": own},
        9: READINGS[9],
    }
    metrics = {
        table: {row: SegmentationMetric() for row in rows} for table, rows in readings.items()
    }
    source, count, stream = PipelineSource(pipeline, TASK.name, seed), 0, iter(samples)
    while batch := list(islice(stream, batch_size)):
        predicted = [prediction.colormap for prediction in source(batch)]
        colormaps = [np.asarray(colormap) for colormap in predicted]
        for table, rows in readings.items():
            for row, reading in rows.items():
                for sample, segments in zip(
                    batch, _read(reading, colormaps, batch, palette), strict=True
                ):
                    metrics[table][row].update(sample.key, sample.segments, segments)
        count += len(batch)
        if progress is not None:
            progress(len(batch))
    if not count:
        raise DataError("no sample of the referring task", hint="build its shards")
    note = f"Measured rows: {count} held-out samples, one prediction each, intervals of 95 %."
    return {
        table: masks_table(table, [(row, _values(found)) for row, found in of_table.items()], note)
        for table, of_table in metrics.items()
    }


def _read(
    reading: Reading, colormaps: Sequence[np.ndarray], samples: Sequence[Sample], palette: Palette
) -> list[np.ndarray]:
    """Return the entities of each colormap, which end at the coarse mask."""
    images = [sample.image for sample in samples]
    if reading.true_clusters:
        found = [
            one
            for sample, colormap in zip(samples, colormaps, strict=True)
            for one in decode_batch(
                [colormap], reading.decoder, palette, TASK.background, clusters=_colors(sample)
            )
        ]
    else:
        found = decode_batch(
            colormaps, reading.decoder, palette, TASK.background, images, **reading.options
        )
    return [
        np.where(sample.coarse_mask, one.segments, 0)
        for sample, one in zip(samples, found, strict=True)
    ]


def _colors(sample: Sample) -> int:
    return max(1, len(np.unique(sample.colormap.reshape(-1, 3), axis=0)))


def _values(metric: SegmentationMetric) -> list[MetricValue]:
    scores, known = metric.compute(), metric.intervals()
    return [MetricValue.measured(name, scores[name], known.get(name)) for name in METRICS]
