"""The short table: at most 20 rows, each of a metric that the paper reports."""

import io

import pytest
from rich.console import Console

from unigs.evaluation.paper_table import COLUMNS, paper_markdown, paper_rows, paper_table

MASKS = {
    "miou": 0.71, "recall_50": 0.82, "ap_e": 0.5, "pq": 0.6, "n": 256.0,
    "miou.coarse_mask_baseline": 0.07, "codec_ceiling.miou": 0.94, "untrained.miou": 0.09,
}  # fmt: skip
FIGURES = {
    "inpainting": {
        **MASKS,
        "frechet_distance.shapes-clip.1a": 4.1,
        "kid.shapes-clip.1a": 0.1,
        "clip_i_region.shapes-clip.1a": 67.9,
        "protocol.single.miou": 0.61,
        "protocol.multiple.miou": 0.51,
    },
    "synthesis": {
        "frechet_distance.shapes-clip.1a": 20.6,
        "clip_i_region.shapes-clip.1a": 76.7,
        "miou.shapes-segmenter.2b": 0.54,
        "recall_50.shapes-segmenter.2b": 0.6,
        "miou.shapes-segmenter.2b.flat_colour_baseline": 0.638,
        "real_ceiling.miou.shapes-segmenter.2b": 0.813,
    },
    "referring": MASKS,
    "entity": {**MASKS, "protocol.all.ap_e": 0.49},
}


def test_the_papers_metrics_with_baseline_and_upper_bound():
    rows = {row[:2]: row[2:] for row in paper_rows(FIGURES)}
    assert len(rows) == 11
    assert rows["inpainting", "miou"] == (
        "0.610", "0.510", "0.710", "0.070 (coarse mask)", "0.940 (codec)",
    )  # fmt: skip
    assert rows["synthesis", "miou.shapes-segmenter.2b"] == (
        "", "", "0.540", "0.638 (flat colour)", "0.813 (real)",
    )  # fmt: skip
    assert rows["entity", "ap_e"] == ("", "0.490", "0.500", "", "")
    assert ("entity", "pq") not in rows
    assert ("referring", "ap_e") not in rows


def test_the_inception_distance_is_preferred_where_it_was_measured():
    of_task = {"frechet_distance.clip.1a": 4.0, "fid": 12.0}
    assert [row[1] for row in paper_rows({"inpainting": of_task})] == ["fid"]


@pytest.mark.parametrize("many", [1, 30])
def test_it_stays_short_however_many_figures_there_are(many):
    more = {f"miou.judge{number}": 0.5 for number in range(many)} | {
        f"protocol.single.more{number}": 0.1 for number in range(200)
    }
    figures = {task: {**row, **more} for task, row in FIGURES.items()}
    assert len(paper_rows(figures)) <= 20


def test_markdown_and_terminal_show_the_same_cells():
    text = paper_markdown(FIGURES, "joint on shapes")
    assert text.startswith(f"# joint on shapes\n\n| {' | '.join(COLUMNS)} |\n| --- | --- | ---: |")
    out = io.StringIO()
    Console(file=out, width=200).print(paper_table(FIGURES, "joint on shapes"))
    for row in paper_rows(FIGURES):
        assert all(cell in out.getvalue() and cell in text for cell in row)
