"""What a stream of many samples holds: a few bytes a sample, and of the tables a part at a time."""

import tracemalloc

import numpy as np
import pytest

from tests.support.data.simulated_latents import simulated_latents
from unigs.latents.stored import LatentStore
from unigs.latents.stream import MixedStream


def opened(folder):
    """A stream, the bytes that it holds and those that it took at most."""
    tracemalloc.start()
    try:
        stream = MixedStream({"inpainting": LatentStore(folder)}, batch_size=16)
        for step in (0, 10**4):
            stream.batch(step)
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return stream, held, most


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    return {count: opened(simulated_latents(folder / str(count), count, 4))
            for count in (20_000, 120_000)}  # fmt: skip


def test_a_sample_more_is_a_few_bytes_more(counts):
    (_, few, few_most), (_, many, many_most) = counts.values()
    added = 100_000
    # 20 of the index, and 4 of each of two epochs' orders.
    assert (many - few) / added < 32
    # Reading the tables takes no more of many samples than of few.
    assert (many_most - many) < (few_most - few) + 24 * added


def test_all_samples_are_found(counts):
    for count, (stream, _, _) in counts.items():
        store = stream.stores["inpainting"]
        assert len(store) == count
        batch = store.batch([0, count // 2, count - 1])
        assert np.ptp(batch["image"], axis=0).max() == 0
        assert store.keys[count // 2] == f"{count // 2:09d}"
        step = count // 16 - 1
        assert len({index for _, index in stream.draws(0) + stream.draws(step)}) == 32
