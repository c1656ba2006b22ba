"""Distances between the features of real and generated images: Frechet distance, KID, CMMD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torchmetrics import MetricCollection

from unigs.evaluation.metric_values import MetricValue
from unigs.evaluators.dual_encoder import DualEncoder
from unigs.evaluators.inception import InceptionFeatures
from unigs.evaluators.network import FeatureNetwork
from unigs.metrics.bootstrap.draws import Interval
from unigs.metrics.bootstrap.per_image import PerImage
from unigs.metrics.cmmd import CmmdMetric
from unigs.metrics.frechet import FrechetMetric
from unigs.samples.sample import Sample

DISTANCE, INFINITY = "frechet_distance", "frechet_distance_infinity"


class FeatureScores:
    """Compares generated with real images of the same samples (a paired reference set).

    ``fid`` on the published Inception weights; any other network gives
    ``frechet_distance.<network>`` and never ``fid``. KID of all networks, CMMD of dual encoders.

    Args:
        network: embeds generated images.
        real: embeds the real ones, where that is read from a cache; `network` by default.
    """

    def __init__(self, network: FeatureNetwork, real: FeatureNetwork | None = None) -> None:
        self.network, self._real = network, real or network
        self._frechet = FrechetMetric()
        self._cmmd = CmmdMetric() if isinstance(network, DualEncoder) else None
        found = {"frechet": self._frechet, "cmmd": self._cmmd}
        self.metrics = MetricCollection(
            {name: metric for name, metric in found.items() if metric is not None},
            compute_groups=False,
        )

    def update(self, samples: Sequence[Sample], images: Sequence[NDArray[np.uint8]]) -> None:
        """Add a batch."""
        generated = self.network.embed_images(images)
        real = self._real.embed_images([sample.image for sample in samples])
        for sample, a, b in zip(samples, real, generated, strict=True):
            self.metrics.update(sample.key, a, b)

    def compute(self, intervals: bool = True) -> list[MetricValue]:
        """Compute the distances and the number of images; with the intervals also what the Frechet
        distance of infinitely many images would be."""
        scores: Mapping[str, float] = self.metrics.compute()
        known: dict[str, Interval] = {}
        endless = None
        if intervals:
            known = self._frechet.intervals()
            if self._cmmd is not None:
                known |= self._cmmd.intervals()
            endless = self._frechet.at_infinity()
        return distance_values(self.network, scores, known, self._frechet.note(), endless)

    def per_image(self) -> PerImage:
        """Return nothing: no distance is a ratio of sums."""
        return PerImage((), {})


def distance_values(
    network: FeatureNetwork,
    scores: Mapping[str, float],
    known: Mapping[str, Interval],
    note: str,
    at_infinity: float | None,
) -> list[MetricValue]:
    """Return distances as values by the name of their network.

    Args:
        scores: by metric.
        known: the intervals that were computed, by metric.
        note: of the Frechet distance.
        at_infinity: the distance that infinitely many images would have, which has the interval of
            the distance, moved; None where it was not computed.
    """
    is_fid = isinstance(network, InceptionFeatures) and network.is_fid
    values = []
    for key, value in scores.items():
        # There is one network whose distance is the FID: it needs no name.
        fid = is_fid and key == DISTANCE
        metric, evaluator = ("fid", "") if fid else (key, network.name)
        told = note if key == DISTANCE else ""
        values.append(MetricValue.measured(metric, value, known.get(key), evaluator, told))
        if key == DISTANCE and at_infinity is not None:
            ends = known[key].moved(at_infinity - value) if key in known else None
            metric = "fid_infinity" if fid else INFINITY
            values.append(MetricValue.measured(metric, at_infinity, ends, evaluator))
    return values
