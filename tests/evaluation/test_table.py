import io

from rich.console import Console

from unigs.evaluation.metric_values import MetricValue, MetricValues, Role
from unigs.evaluation.table import HEADER, markdown, number, report_rows, rich_table

CLIP = "shapes-clip.1a2b3c4d"
VALUES = MetricValues(
    (
        MetricValue("miou", 0.71234),
        MetricValue("frechet_distance", 12.3456, CLIP),
        MetricValue("n", 256.0),
        MetricValue("absent.miou", float("nan")),
        MetricValue("miou", 0.5, role=Role.BASELINE, source="coarse_mask"),
        MetricValue("frechet_distance", 50.0, CLIP, Role.BASELINE, "flat_colour"),
        MetricValue("miou", 0.98, role=Role.CEILING, source="codec"),
        MetricValue("miou", 0.99, role=Role.CEILING, source="real"),
        MetricValue("miou", 0.7, protocol="single"),
        MetricValue("miou", 0.1, role=Role.UNTRAINED),
    )
)


def test_every_value_stands_once_in_the_row_of_its_metric():
    rows = {row[0]: row[1:] for row in report_rows(VALUES)}
    assert rows["miou"] == (
        "0.712", "0.100", "0.500 (coarse mask)", "0.980 (codec), 0.990 (real)",
    )  # fmt: skip
    assert rows[f"frechet_distance.{CLIP}"] == ("12.35", "", "50 (flat colour)", "")
    assert rows["absent.miou"] == ("-", "", "", "")
    assert rows["protocol.single.miou"] == ("0.700", "", "", "")
    assert len(rows) == 5


def test_numbers():
    assert [number(x) for x in (0.0, 1.0, 256.0, 0.98765, 123.456, -5.25)] == [
        "0.000", "1.000", "256", "0.988", "123.5", "-5.250",
    ]  # fmt: skip


def test_markdown_and_terminal_say_the_same():
    text = markdown(VALUES)
    assert len(text.splitlines()) == 2 + len(report_rows(VALUES))
    assert text.startswith(f"| {' | '.join(HEADER)} |\n| --- |")
    out = io.StringIO()
    Console(file=out, width=160).print(rich_table(VALUES, "metrics"))
    for row in report_rows(VALUES):
        assert all(cell in out.getvalue() for cell in row)


def test_what_has_to_be_known_of_a_value_stands_below_the_table():
    note = "3 images, 8 dimensions"
    told = VALUES + MetricValues(
        (
            MetricValue("frechet_distance", 1.0, CLIP, protocol="all", note=note),
            MetricValue("frechet_distance", 2.0, CLIP, protocol="single", note=note),
            MetricValue("frechet_distance", 3.0, CLIP, Role.UNTRAINED, note=note),
        )
    )
    names = ", ".join(f"protocol.{part}.frechet_distance.{CLIP}" for part in ("all", "single"))
    assert told.notes() == [f"{names}: {note}"]
    assert markdown(told).endswith(f"|\n\n{names}: {note}.\n")
    out = io.StringIO()
    Console(file=out, width=200).print(rich_table(told, "metrics"))
    assert out.getvalue().strip().endswith(note)
    assert VALUES.notes() == []
