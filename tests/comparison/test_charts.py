from xml.etree import ElementTree

import numpy as np
import pytest

from unigs.comparison.charts import BINS, MOST_POINTS, distribution, training_curves

NAMES = ("new", "<old>")


def parts(chart, tag):
    return list(ElementTree.fromstring(str(chart.svg)).iter(tag))


def test_both_models_share_bins_and_the_numbers_are_beside():
    first, second = np.array([0.1, 0.12, 0.9]), np.array([0.5])
    chart = distribution("miou", NAMES, first, second)
    assert chart.head == ("miou", *NAMES)
    counts = np.array([[int(cell) for cell in row[1:]] for row in chart.rows])
    assert counts.shape == (BINS, 2)
    assert counts.sum(0).tolist() == [3, 1]
    assert [row[0] for row in chart.rows][:1] == ["0.000 to 0.050"]
    # a bar for each bin that holds an image, as high as its share of the fullest
    bars = {kind: [b for b in parts(chart, "rect") if b.get("class") == kind] for kind in
            ("bar0", "bar1")}  # fmt: skip
    assert (len(bars["bar0"]), len(bars["bar1"])) == (2, 1)
    heights = [float(bar.get("height")) for bar in bars["bar0"]]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.2)


def test_scores_beyond_one_have_bins_from_the_least_to_the_largest():
    chart = distribution("clip", NAMES, np.array([60.0, 80.0]), np.array([70.0]))
    assert (chart.rows[0][0].split()[0], chart.rows[-1][0].split()[-1]) == ("60", "80")
    same = distribution("clip", NAMES, np.array([60.0]), np.array([60.0]))
    assert sum(int(row[1]) for row in same.rows) == 1
    bars = [bar for bar in parts(same, "rect") if str(bar.get("class")).startswith("bar")]
    assert len(bars) == 2
    assert all(float(bar.get("width")) > 0 for bar in bars)


def test_no_value_is_no_bar():
    chart = distribution("miou", NAMES, np.zeros(0), np.zeros(0))
    assert parts(chart, "rect") == []
    assert "none" in parts(chart, "desc")[0].text


def test_who_does_not_see_it_is_told():
    chart = distribution("miou", NAMES, np.array([0.1, 0.2, 0.9]), np.array([0.5]))
    assert parts(chart, "title")[0].text == chart.title == "miou of the images"
    told = parts(chart, "desc")[0].text
    assert "new: 3 images, median 0.200" in told
    assert "<old>: 1 images" in told
    assert "<old>" not in str(chart.svg)
    assert 'role="img"' in str(chart.svg)


def test_a_curve_falls_from_the_upper_left_and_broken_values_are_left_out():
    curves = {"new": [(0, 2.0), (10, float("nan")), (20, 1.0)], "<old>": [(0, 1.5)]}
    chart = training_curves("loss", curves)
    lines = {line.get("class"): line for line in parts(chart, "polyline")}
    (x0, y0), (x1, y1) = (
        map(float, point.split(",")) for point in lines["line0"].get("points").split()
    )
    assert x0 < x1
    assert y0 < y1
    assert chart.rows == [
        ("new", "0", "2.000"), ("new", "20", "1.000"), ("<old>", "0", "1.500"),
    ]  # fmt: skip
    assert "new: from 2.000 at step 0 to 1.000 at step 20" in parts(chart, "desc")[0].text


def test_a_long_curve_is_thinned_to_the_means_of_its_parts():
    values = [(step, float(step % 2)) for step in range(10_000)]
    chart = training_curves("loss", {"new": values})
    points = parts(chart, "polyline")[0].get("points").split()
    assert len(points) == MOST_POINTS
    assert len({point.split(",")[1] for point in points}) == 1
    assert len(chart.rows) <= 20


def test_without_a_value_there_is_no_chart():
    assert training_curves("loss", {"new": [], "<old>": [(3, float("inf"))]}) is None
