"""Rows of images: kept in a file, read when they are asked for, exchanged between processes."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unigs.evaluation.mask_metrics import MaskScores
from unigs.io import files
from unigs.metrics import image_table, overlap_evaluation
from unigs.metrics.bootstrap import draws
from unigs.metrics.image_table import ImageTable
from unigs.tasks import TASKS


class Table(ImageTable):
    def __init__(self):
        super().__init__(values=torch.float64, flag=torch.uint8, count=torch.int64)

    def update(self, key, values, count):
        self.add_image(key, values=values, flag=count % 2 == 1, count=count)

    def compute(self):
        return len(self.image_rows())


def filled(keys):
    table = Table()
    for number, key in enumerate(keys):
        table.update(key, np.arange(number % 3), number)
    return table


def check_rows(rows, keys):
    last = {key: number for number, key in enumerate(keys)}
    assert list(rows) == sorted(last)
    assert len(rows) == len(last)
    for key, number in last.items():
        assert rows[key]["count"].tolist() == [number], "the last one of a key counts"
        assert rows[key]["flag"].tolist() == [number % 2]
        assert rows[key]["values"].tolist() == list(range(number % 3))


KEYS = ["b", "ä/1", "b", *(f"k{n:02}" for n in range(20)), "ä/1"]


@pytest.mark.parametrize("in_memory", [1, 200, 1 << 20])
def test_rows_are_what_was_added(monkeypatch, in_memory):
    monkeypatch.setattr(files, "SCRATCH_IN_MEMORY", in_memory)
    rows = filled(KEYS).image_rows()
    check_rows(rows, KEYS)
    for unknown in ("", "a", "k005", "z"):
        with pytest.raises(KeyError):
            rows[unknown]


def test_a_row_may_follow_a_result():
    table = filled(KEYS)
    assert table.compute() == len(set(KEYS))
    table.update("z", [], len(KEYS))
    assert table.compute() == len(set(KEYS)) + 1
    check_rows(table.gathered, [*KEYS, "z"])


def check_reset(table):
    table.reset()
    assert len(table.image_rows()) == 0
    table.update("z", [], 1)
    assert list(table.image_rows()) == ["z"]


def test_a_reset_table_is_empty_and_fills_again():
    check_reset(filled("abcde"))


def test_a_clone_is_filled_alone():
    table = filled("ab")
    other = table.clone()
    other.update("c", [0, 1], 2)
    check_rows(other.compute() and other.gathered, "abc")
    assert table.compute() == 2


def test_other_metrics_cannot_be_merged():
    table = filled("ab")
    table.merge_state(filled("cb"))
    assert table.compute() == 3
    assert table.gathered["b"]["count"].tolist() == [1]
    with pytest.raises(ValueError, match="Table cannot take in dict"):
        table.merge_state({})


def test_a_call_adds_an_image():
    table = filled("ab")
    assert table("c", [1.0], 7) is None
    assert table.compute() == 3


@pytest.mark.parametrize("shares", [(7, 3), (0, 5), (1, 1), (0, 0)])
def test_processes_exchange_their_rows_some_at_a_time(monkeypatch, shares):
    """Two tables play two processes: what one hands over is what it would hand over itself."""
    monkeypatch.setattr(image_table, "_EXCHANGED", 2)
    keys = [f"{number}" for number in range(sum(shares))]
    whole = filled(keys)
    parts = [Table(), Table()]
    for number, key in enumerate(keys):
        parts[number >= shares[0]].update(key, np.arange(number % 3), number)
    said = []
    for part in parts:  # each once alone, to hear what it says in every round
        heard = []

        def listen(mine, group, heard=heard):
            heard.append(mine)
            most = torch.tensor(max(shares))
            return [mine, most if mine.dim() == 0 else mine[:0]]

        part.sync(dist_sync_fn=listen, distributed_available=lambda: True)
        said.append(heard)
    assert len(said[0]) == len(said[1]) == 1 + 2 * -(-max(shares) // 2)
    rounds = iter(zip(*said, strict=True))
    parts[0].sync(
        dist_sync_fn=lambda mine, group: list(next(rounds)), distributed_available=lambda: True
    )
    together, alone = parts[0].image_rows(), whole.image_rows()
    assert list(together) == list(alone)
    for key in keys:
        assert all((together[key][name] == alone[key][name]).all() for name in alone[key])


ENTITIES, SIDE = 8, 16


def peak_of_evaluation(count):
    """Bytes of numpy and Python that all mask metrics of so many images take at most, and AP."""
    rng = np.random.default_rng(0)
    tracemalloc.start()
    scores = MaskScores(TASKS["entity"])
    cells = np.arange(SIDE * SIDE).reshape(SIDE, SIDE) * ENTITIES // SIDE**2 + 1
    entities = [SimpleNamespace(id=number) for number in range(1, ENTITIES + 1)]
    for number in range(count):
        sample = SimpleNamespace(
            key=f"{number:04}",
            segments=cells,
            valid=rng.random(cells.shape) < 0.95,
            entities=entities,
            absent=(),
        )
        found = np.roll(cells, rng.integers(0, 9)).astype(np.int32)
        scores.update(sample, found, {entity.id: float(rng.random()) for entity in entities})
    value = next(one.value for one in scores.compute() if one.name == "ap_e")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, value


def test_memory_hardly_grows_with_the_images(monkeypatch):
    monkeypatch.setattr(files, "SCRATCH_IN_MEMORY", 1 << 12)
    monkeypatch.setattr(overlap_evaluation, "_AT_ONCE", 16)
    monkeypatch.setattr(overlap_evaluation, "_RANKED", 256)
    monkeypatch.setattr(draws, "_AT_ONCE", 8)
    peak_of_evaluation(2)  # what is loaded once
    few, many = peak_of_evaluation(16), peak_of_evaluation(96)
    # Without the file it is 1,900 bytes an image; all draws at once are 2,000 more.
    assert (many[0] - few[0]) / 80 < 900
    assert 0 < many[1] < 1
