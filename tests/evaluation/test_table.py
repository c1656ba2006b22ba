import io

from rich.console import Console

from unigs.evaluation.table import HEADER, markdown, number, report_rows, rich_table, with_untrained

FIGURES = {
    "miou": 0.71234,
    "frechet_distance.shapes-clip.1a2b3c4d": 12.3456,
    "n": 256.0,
    "absent.miou": float("nan"),
    "miou.coarse_mask_baseline": 0.5,
    "frechet_distance.shapes-clip.1a2b3c4d.flat_colour_baseline": 50.0,
    "codec_ceiling.miou": 0.98,
    "real_ceiling.miou": 0.99,
}


def test_every_figure_stands_once_in_the_row_of_its_metric():
    rows = {row[0]: row[1:] for row in report_rows(with_untrained(FIGURES, {"miou": 0.1}))}
    assert rows["miou"] == (
        "0.712", "0.100", "0.500 (coarse mask)", "0.980 (codec), 0.990 (real)",
    )  # fmt: skip
    assert rows["frechet_distance.shapes-clip.1a2b3c4d"] == ("12.35", "", "50 (flat colour)", "")
    assert rows["absent.miou"] == ("-", "", "", "")
    assert list(rows) == ["miou", "frechet_distance.shapes-clip.1a2b3c4d", "n", "absent.miou"]


def test_numbers():
    assert [number(x) for x in (0.0, 1.0, 256.0, 0.98765, 123.456, -5.25)] == [
        "0.000", "1.000", "256", "0.988", "123.5", "-5.250",
    ]  # fmt: skip


def test_markdown_and_terminal_say_the_same():
    text = markdown(FIGURES)
    assert len(text.splitlines()) == 2 + len(report_rows(FIGURES))
    assert text.startswith(f"| {' | '.join(HEADER)} |\n| --- |")
    out = io.StringIO()
    Console(file=out, width=160).print(rich_table(FIGURES, "figures"))
    for row in report_rows(FIGURES):
        assert all(cell in out.getvalue() for cell in row)
