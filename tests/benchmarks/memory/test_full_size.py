"""The way of a full-size checkpoint, gone in miniature."""

import json
import sys

import pytest

pytest.importorskip("peft")


@pytest.mark.slow
def test_every_stage_of_the_way_is_gone(tmp_path, monkeypatch):
    from benchmarks.memory import full_size

    file = tmp_path / "stages.json"
    monkeypatch.setattr(sys, "argv", ["full_size", "--dry", "--json", str(file)])
    full_size.main()
    stages = json.loads(file.read_text())["stages"]
    assert [stage["stage"] for stage in stages] == [
        "write the checkpoint",
        "load and extend",
        "one training step, adapters",
        "one sampling step",
        "save",
        "load again",
    ]
    assert all(stage["peak_bytes"] > 0 for stage in stages)


@pytest.mark.slow
def test_another_colormap_after_loading_is_told(tmp_path, monkeypatch):
    from benchmarks.memory import full_size

    results = iter([0.0, 1.0])
    sampled = full_size.sampled
    monkeypatch.setattr(full_size, "sampled", lambda *a: sampled(*a) + next(results))
    with pytest.raises(SystemExit, match="another colormap"):
        full_size.way(tmp_path, full_size.DRY, 4, [])
