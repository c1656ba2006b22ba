import sys

import numpy as np
import pytest

pytest.importorskip("torch")

from transformers import Mask2FormerForUniversalSegmentation

from benchmarks.competitors.mask2former_counterpart import fresh, main
from tests.competitors.requests import CPU, request_for
from tests.support.data.tiny_shards import write_shards
from unigs.competitors.registry import load_competitor
from unigs.shards.read import read_samples


def test_what_it_learned_is_scored_as_a_published_model_is(tmp_path, monkeypatch):
    write_shards(tmp_path, ["entity"], 4, 32, "smooth-2-v1")
    shards, out = tmp_path / "entity", tmp_path / "model"
    order = ["counterpart", "--shards", shards, "--out", out, "--steps", 2, "--batch", 2]
    monkeypatch.setattr(sys, "argv", [str(part) for part in order])
    main()
    drawn = list(read_samples(shards))
    names = sorted({one.class_name for sample in drawn for one in sample.entities})
    model = Mask2FormerForUniversalSegmentation.from_pretrained(out)
    assert list(model.config.id2label.values()) == names
    untrained = fresh(names, 64, 0)
    assert any(
        not np.array_equal(a.detach().numpy(), b.detach().numpy())
        for a, b in zip(model.parameters(), untrained.parameters(), strict=True)
    )
    scored = load_competitor(request_for("mask2former", "entity", tmp_path, checkpoint=out), CPU)
    assert scored.counts == {}
    found = scored.predictor(drawn)
    assert [one.segments.shape for one in found] == [(32, 32)] * len(drawn)
