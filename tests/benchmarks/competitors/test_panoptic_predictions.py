import sys
from dataclasses import dataclass

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks.competitors import panoptic_predictions
from tests.competitors.requests import CPU, request_for
from tests.support.data.tiny_shards import write_shards
from unigs.competitors.registry import load_competitor
from unigs.evaluators.bundle import Evaluators
from unigs.evaluators.segmenter import Segmented
from unigs.shards.read import read_samples


@dataclass
class KnowsThem:
    """A segmenter that knows the entities of each sample."""

    samples: list
    name: str = "knows"

    def segment(self, images):
        for image in images:
            (sample,) = [one for one in self.samples if np.array_equal(one.image, image)]
            classes = {entity.id: entity.class_name for entity in sample.entities}
            yield Segmented(sample.segments, classes)


def test_what_a_segmenter_finds_is_what_the_file_predicts(tmp_path, monkeypatch):
    write_shards(tmp_path, ["entity"], 4, 32, "smooth-2-v1")
    shards, out = tmp_path / "entity", tmp_path / "found" / "entity.json"
    drawn = list(read_samples(shards))
    known = Evaluators(None, KnowsThem(drawn), None, None)
    monkeypatch.setattr(panoptic_predictions, "load_evaluators", lambda segmenter: known)
    order = ["predictions", "--segmenter", "any", "--shards", shards, "--out", out]
    monkeypatch.setattr(sys, "argv", [str(part) for part in order])
    panoptic_predictions.main()
    model = load_competitor(request_for("panoptic", "entity", tmp_path, predictions=out), CPU)
    assert model.counts == {"n_other_images": 0, "n_missing_images": 0}
    for sample, found in zip(drawn, model.predictor(drawn), strict=True):
        assert np.array_equal(found.segments > 0, sample.segments > 0)
        assert len(found.scores) == len(sample.entities)
