"""The breakdown of a segmentation's losses, on a run in miniature."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from tests.support.runs.photo_run import small_preset, write_run
from unigs.metrics.matching import match
from unigs.metrics.segmentation import segmentation_scores
from unigs.shards.read import read_samples
from unigs.tasks import TASKS


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("finished"))


def test_the_breakdown_goes_from_the_truth_to_the_model(
    finished_run, tmp_path, monkeypatch, capsys
):
    from benchmarks.photographs import breakdown
    from benchmarks.photographs.parts.colormap_rows import KNOWN, LATENTS, MEANS, MODEL, PIXELS
    from unigs.io.annotations.segment_ids import id_to_rgb

    monkeypatch.setattr(breakdown, "load_preset", lambda name, changes: small_preset())
    held_out = list(read_samples(finished_run / "shards" / "val" / "entity"))
    for sample in held_out:
        file = tmp_path / "direct" / "entity" / "panoptic" / f"{sample.key}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(id_to_rgb(sample.segments)).save(file)
    command = [
        "breakdown", "--run", str(finished_run), "--work", str(tmp_path / "work"),
        "--training-scenes", "3",
    ]  # fmt: skip
    supervised = ["--tasks", "entity", "--supervised", str(tmp_path / "direct")]
    monkeypatch.setattr(sys, "argv", [*command, *supervised])
    breakdown.main()
    told = capsys.readouterr().out
    found = json.loads((tmp_path / "work" / "entity.json").read_text())
    rows, training = found["held_out"], found["training"]
    assert rows[breakdown.SUPERVISED]["miou"] == 1.0
    assert rows[PIXELS]["rmse"] == 0.0
    # What is told apart by palette and decoder; an untrained network knows nothing.
    assert rows[PIXELS]["miou"] > 0.9 > rows[LATENTS]["miou"] > rows[MODEL]["miou"]
    assert rows[KNOWN]["miou"] < rows[PIXELS]["miou"]
    assert rows[MEANS]["n_entities"] == rows[PIXELS]["n_entities"]
    assert sum(rows[MODEL]["counts"]) == rows[MODEL]["n_entities"]
    blurred = [row["rmse"] for name, row in rows.items() if "blurred" in name]
    assert blurred == sorted(blurred)
    assert blurred[0] > rows[LATENTS]["rmse"]
    noised = [row["rmse"] for name, row in rows.items() if "noise schedule" in name]
    assert noised == sorted(noised)
    assert set(training) == {MODEL, PIXELS, LATENTS, MEANS, KNOWN}
    assert f"| {PIXELS} | {rows[PIXELS]['miou']:.3f} [" in told
    monkeypatch.setattr(breakdown, "measured", None)
    breakdown.main()
    assert capsys.readouterr().out.strip() == told[told.index("| | entity") :].strip()


def test_referring_ends_at_the_coarse_mask_in_every_row(finished_run):
    from benchmarks.photographs.parts.colormap_rows import KNOWN, PIXELS, ColormapRows
    from unigs.pipeline import UniGSPipeline

    pipeline = UniGSPipeline.from_pretrained(finished_run / "models" / "joint" / "pipeline")
    samples = list(read_samples(finished_run / "shards" / "val" / "referring"))
    rows = dict(ColormapRows(pipeline, TASKS["referring"], "nearest", {}, (0.5,), (1.0,))(samples))
    for reads in rows.values():
        for sample, read in zip(samples, reads, strict=True):
            assert not read.segments[~sample.coarse_mask].any()
            # Black is nothing.
            assert not read.segments[(read.colormap == 0).all(axis=-1)].any()
    scores = [match(s.segments, r.segments) for s, r in zip(samples, rows[PIXELS], strict=True)]
    assert segmentation_scores(scores)["miou"] == 1.0
    assert len(rows[KNOWN]) == len(samples)


def test_predicted_colours_are_averaged_over_true_segments(finished_run):
    from benchmarks.photographs.parts.colormap_rows import averaged

    sample = next(read_samples(finished_run / "shards" / "train" / "entity"))
    np.testing.assert_array_equal(averaged(sample.colormap, sample), sample.colormap)
    noisy = sample.colormap.astype(int)
    noisy[::2] += 10
    painted = averaged(np.clip(noisy, 0, 255).astype(np.uint8), sample)
    for label in np.unique(sample.segments):
        assert len(np.unique(painted[sample.segments == label], axis=0)) == 1


def test_quarters_part_the_entities_by_area():
    from benchmarks.photographs.breakdown import in_quarters, quarter_edges, scores

    segments = np.repeat([1, 2, 3, 4], [1, 2, 4, 9]).reshape(4, 4).astype(np.int32)
    samples = [type("One", (), {"segments": segments})()]
    edges = quarter_edges(samples)
    found = np.where(segments == 4, 1, 0)
    told = scores(samples, [found], edges)
    assert (told["quarters"], told["counts"]) == ([0.0, 0.0, 0.0, 1.0], [1, 1, 1, 1])
    assert told["miou"] == 0.25
    assert [len(part) for part in in_quarters([match(segments, segments)], [3])][:2] == [2, 2]
