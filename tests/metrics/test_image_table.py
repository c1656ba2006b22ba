"""Rows of images: joined as they come, cut out when they are asked for."""

import tracemalloc

import numpy as np
import pytest
import torch

from unigs.metrics import image_table, overlap_evaluation
from unigs.metrics.entity_metrics import AveragePrecisionMetric
from unigs.metrics.image_table import ImageTable


class Table(ImageTable):
    def __init__(self):
        super().__init__(values=torch.float64, count=torch.int64)

    def update(self, key, values, count):
        self.add_image(key, values=values, count=count)

    def compute(self):
        return len(self.image_rows())


def filled(keys):
    table = Table()
    for number, key in enumerate(keys):
        table.update(key, np.arange(number % 3), number)
    return table


@pytest.mark.parametrize("joined", [2, 3, 7, 1000])
def test_joined_rows_are_the_rows(monkeypatch, joined):
    monkeypatch.setattr(image_table, "_JOINED", joined)
    keys = ["b", "a", "b", *(f"k{n:02}" for n in range(20))]
    table = filled(keys)
    # at most one tensor for each whole group, and less than a group of single ones
    assert len(table.values) < len(keys) // joined + joined
    rows = table.image_rows()
    assert list(rows) == sorted(set(keys))
    assert len(rows) == len(keys) - 1
    assert rows["b"]["count"].tolist() == [2], "the last one of a key counts"
    for number, key in enumerate(keys[3:], start=3):
        assert rows[key]["count"].tolist() == [number]
        assert rows[key]["values"].tolist() == list(range(number % 3))


def test_a_reset_table_is_empty_and_fills_again(monkeypatch):
    monkeypatch.setattr(image_table, "_JOINED", 2)
    table = filled("abcde")
    table.reset()
    assert len(table.image_rows()) == 0
    table.update("z", [], 1)
    assert list(table.image_rows()) == ["z"]


def peak_of_ap(count):
    """Bytes of numpy and Python that AP of so many images takes at most, and its value."""
    rng = np.random.default_rng(0)
    metric = AveragePrecisionMetric(orders=2)
    for number in range(count):
        truth = np.arange(64).reshape(8, 8) // 16 + 1
        found = np.roll(truth, rng.integers(0, 3), axis=0)
        metric.update(f"{number:04}", truth, found, {k: float(rng.random()) for k in range(1, 5)})
    tracemalloc.start()
    value = metric.compute()["ap_e"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, value


def test_memory_of_ap_hardly_grows_with_the_images(monkeypatch):
    monkeypatch.setattr(overlap_evaluation, "_AT_ONCE", 32)
    few, many = peak_of_ap(100), peak_of_ap(300)
    # COCOeval itself holds more than 10 kB of an image with four entities on each side.
    assert (many[0] - few[0]) / 200 < 1500
    assert 0 < many[1] < 1
