"""The short table: at most 20 rows, each of a metric that the paper reports."""

import io

import pytest
from rich.console import Console

from unigs.evaluation.metric_values import MetricValue, MetricValues, Role
from unigs.evaluation.paper.summary import COLUMNS, paper_markdown, paper_rows, paper_table

CLIP, SEGMENTER = "shapes-clip.1a", "shapes-segmenter.2b"
MASKS = (
    MetricValue("miou", 0.71),
    MetricValue("recall_50", 0.82),
    MetricValue("ap_e", 0.5),
    MetricValue("pq", 0.6),
    MetricValue("n", 256.0),
    MetricValue("miou", 0.07, role=Role.BASELINE, source="coarse_mask"),
    MetricValue("miou", 0.94, role=Role.CEILING, source="codec"),
    MetricValue("miou", 0.09, role=Role.UNTRAINED),
)
VALUES = {
    "inpainting": MetricValues(
        (
            *MASKS,
            MetricValue("frechet_distance", 4.1, CLIP),
            MetricValue("kid", 0.1, CLIP),
            MetricValue("clip_i_region", 67.9, CLIP),
            MetricValue("miou", 0.61, protocol="single"),
            MetricValue("miou", 0.51, protocol="multiple"),
            MetricValue("miou", 0.801, protocol="training"),
        )
    ),
    "synthesis": MetricValues(
        (
            MetricValue("frechet_distance", 20.6, CLIP),
            MetricValue("clip_i_region", 76.7, CLIP),
            MetricValue("miou", 0.54, SEGMENTER),
            MetricValue("recall_50", 0.6, SEGMENTER),
            MetricValue("miou", 0.638, SEGMENTER, Role.BASELINE, "flat_colour"),
            MetricValue("miou", 0.813, SEGMENTER, Role.CEILING, "real"),
        )
    ),
    "referring": MetricValues(MASKS),
    "entity": MetricValues((*MASKS, MetricValue("ap_e", 0.49, protocol="all"))),
}


def test_the_papers_metrics_with_baseline_and_upper_bound():
    rows = {row[:2]: row[2:] for row in paper_rows(VALUES)}
    assert len(rows) == 11
    assert rows["inpainting", "miou"] == (
        "0.610", "0.510", "0.710", "0.801", "0.070 (coarse mask)", "0.940 (codec)",
    )  # fmt: skip
    assert rows["synthesis", "miou.shapes-segmenter.2b"] == (
        "", "", "0.540", "", "0.638 (flat colour)", "0.813 (real)",
    )  # fmt: skip
    assert rows["entity", "ap_e"] == ("", "0.490", "0.500", "", "", "")
    assert ("entity", "pq") not in rows
    assert ("referring", "ap_e") not in rows


def test_the_inception_distance_is_preferred_where_it_was_measured():
    of_task = MetricValues((MetricValue("frechet_distance", 4.0, CLIP), MetricValue("fid", 12.0)))
    assert [row[1] for row in paper_rows({"inpainting": of_task})] == ["fid"]


@pytest.mark.parametrize("many", [1, 30])
def test_it_stays_short_however_many_metrics_there_are(many):
    more = [MetricValue("miou", 0.5, f"evaluator.{number}") for number in range(many)]
    more += [MetricValue(f"more{number}", 0.1, protocol="single") for number in range(200)]
    values = {task: row + more for task, row in VALUES.items()}
    assert len(paper_rows(values)) <= 20


def test_markdown_and_terminal_show_the_same_cells():
    text = paper_markdown(VALUES, "joint on shapes")
    assert text.startswith(f"# joint on shapes\n\n| {' | '.join(COLUMNS)} |\n| --- | --- | ---: |")
    out = io.StringIO()
    Console(file=out, width=200).print(paper_table(VALUES, "joint on shapes"))
    for row in paper_rows(VALUES):
        assert all(cell in out.getvalue() and cell in text for cell in row)


def test_notes_of_the_values_that_are_shown_stand_below():
    noted = MetricValue("frechet_distance", 4.1, CLIP, note="few images")
    hidden = MetricValue("frechet_distance", 4.1, "other.3c", note="fewer images")
    values = {"inpainting": MetricValues((noted, hidden))}
    line = f"inpainting: frechet_distance.{CLIP}: few images"
    assert paper_markdown(values, "joint").endswith(f"|\n\n{line}.\n")
    out = io.StringIO()
    Console(file=out, width=200).print(paper_table(values, "joint"))
    assert out.getvalue().strip().endswith(line)
