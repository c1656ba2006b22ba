import pytest

from unigs.comparison.breakdown import SIZES, chosen_images, entity_rows, metric_rows


def test_metrics_of_both_with_their_difference(sides):
    rows = {row.name: row for row in metric_rows(*sides)}
    miou = rows["miou"]
    assert miou.first == 1
    assert miou.second < 1
    assert miou.difference.value == pytest.approx(miou.first - miou.second)
    assert miou.difference.better
    same = {row.name: row for row in metric_rows(sides[0], sides[0])}["miou"]
    assert (same.difference.value, same.difference.p) == (0, 1)


def test_every_entity_has_a_size_and_a_class(sides, inputs, drawn):
    sizes, classes = entity_rows(*sides, inputs.classes)
    assert {row.name for row in sizes} <= set(SIZES)
    assert {row.name for row in classes} == {e.class_name for s in drawn for e in s.entities}
    assert all(row.first == 1 for row in (*sizes, *classes))
    total = sum(len(sample.entities) for sample in drawn)
    means = {row.name: row.second for row in classes}
    counts = [sum(e.class_name == name for s in drawn for e in s.entities) for name in means]
    mean = sum(count * value for count, value in zip(counts, means.values(), strict=True)) / total
    assert mean == pytest.approx({r.name: r for r in metric_rows(*sides)}["miou"].second)


def test_without_classes_there_are_sizes_alone(sides):
    sizes, classes = entity_rows(*sides, None)
    assert sizes
    assert classes == []


def test_images_are_chosen_by_rule(sides):
    every = chosen_images(*sides, "miou", 100)
    gains = [first - second for _, first, second in every]
    assert gains == sorted(gains, reverse=True)
    few = chosen_images(*sides, "miou", 3)
    assert [key for key, *_ in few] == [every[0][0], every[(len(every) - 1) // 2][0], every[-1][0]]
    assert chosen_images(*sides, "miou", 0) == []
