"""Batches as a function of the step."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from unigs.errors import ConfigError
from unigs.latents.stream import BLOCK, MixedStream, block_quotas
from unigs.tasks import TASKS

SIZES = {"inpainting": 37, "synthesis": 23, "referring": 11, "entity": 50}


class Numbers:
    """A store whose values tell the sample: everything is task * 1000 + index."""

    latent_shape = (2, 3, 3)
    text_shape = (4, 5)

    def __init__(self, task, length):
        self.base, self.length = TASKS[task].index * 1000, length

    def __len__(self):
        return self.length

    def batch(self, indices):
        value = (self.base + np.asarray(indices, dtype=np.float32))[:, None, None, None]
        latent = np.broadcast_to(value, (len(indices), *self.latent_shape))
        mask = np.broadcast_to(value, (len(indices), 1, 3, 3))
        text = np.broadcast_to(value[..., 0], (len(indices), *self.text_shape))
        return {"image": latent, "colormap": latent, "control": latent, "coarse": mask,
                "valid": mask, "balance": mask, "text": text}  # fmt: skip

    @property
    def empty_text(self):
        return np.zeros(self.text_shape, dtype=np.float32)


def stores(*tasks):
    return {task: Numbers(task, SIZES[task]) for task in tasks or SIZES}


def drawn(stream, steps):
    return [draw for step in range(steps) for draw in stream.draws(step)]


@given(st.integers(0, 10**6), st.integers(0, 10**9), st.sampled_from([1, 2, 4]))
def test_ranks_of_a_step_make_up_its_batch(step, seed, world):
    whole = MixedStream(stores(), batch_size=8, seed=seed).draws(step)
    parts = [
        MixedStream(stores(), batch_size=8, seed=seed, rank=rank, world=world).draws(step)
        for rank in range(world)
    ]
    assert [draw for part in parts for draw in part] == whole


@given(st.integers(0, 10**9), st.permutations(range(12)))
def test_a_step_does_not_depend_on_the_steps_before(seed, order):
    stream = MixedStream(stores(), batch_size=16, seed=seed)
    jumping = {step: stream.draws(step) for step in order}
    fresh = MixedStream(stores(), batch_size=16, seed=seed)
    assert [fresh.draws(step) for step in range(12)] == [jumping[step] for step in range(12)]


@given(st.integers(0, 10**9))
def test_each_task_comes_once_per_epoch(seed):
    seen = {task: [] for task in SIZES}
    for task, index in drawn(MixedStream(stores(), batch_size=32, seed=seed), 20):
        seen[task].append(index)
    for task, length in SIZES.items():
        epochs = [seen[task][n : n + length] for n in range(0, len(seen[task]), length)]
        assert len(epochs) > 2
        for epoch in epochs[:-1]:
            assert sorted(epoch) == list(range(length))
        assert len(set(epochs[-1])) == len(epochs[-1])
        assert epochs[0] != epochs[1]


def test_every_block_holds_the_papers_ratios():
    tasks = [task for task, _ in drawn(MixedStream(stores(), batch_size=10), 50)]
    blocks = [tasks[n : n + 10] for n in range(0, 500, 10)]
    for block in blocks:
        assert Counter(block) == {"inpainting": 3, "synthesis": 3, "referring": 2, "entity": 2}
    assert len({tuple(block) for block in blocks}) > 40


def test_other_seeds_draw_otherwise():
    assert drawn(MixedStream(stores(), seed=1), 3) != drawn(MixedStream(stores(), seed=2), 3)


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=4))
@example([4.0, 0.015625, 0.015625])
def test_quotas_are_the_nearest_whole_shares(ratios):
    quotas = block_quotas(ratios)
    shares = np.array(ratios) / sum(ratios)
    assert quotas.min() >= 1
    exact = shares * quotas.sum()
    # Each share below one draw in a hundred is raised to a draw, at the cost of the others.
    raised = int((shares * BLOCK < 1).sum())
    assert np.abs(quotas - exact)[exact >= 1].max(initial=0) <= 1 + raised


def test_quotas_of_simple_ratios_are_exact():
    assert block_quotas([0.3, 0.3, 0.2, 0.2]).tolist() == [3, 3, 2, 2]
    assert block_quotas([5.0]).tolist() == [1]
    assert block_quotas([1, 2]).tolist() == [1, 2]
    assert block_quotas([1, 1, np.pi]).sum() == 100


def test_batch_holds_the_values_of_its_draws():
    stream = MixedStream(stores(), batch_size=12, seed=3)
    batch = stream.batch(7)
    expected = [TASKS[task].index * 1000 + index for task, index in stream.draws(7)]
    for part in ("image", "colormap", "control", "coarse", "valid", "balance", "text"):
        values = batch[part].reshape(12, -1)
        assert values.dtype == torch.float32
        assert (values == torch.tensor(expected, dtype=torch.float32)[:, None]).all()
    assert batch["task"].dtype == torch.int64
    assert batch["task"].tolist() == [value // 1000 for value in expected]
    assert batch["image"].shape == (12, 2, 3, 3)


def test_single_task_walks_its_store():
    stream = MixedStream(stores("referring"), batch_size=11)
    assert sorted(index for _, index in stream.draws(5)) == list(range(11))
    assert stream.steps_per_epoch("referring") == 1
    assert MixedStream(stores(), batch_size=10).steps_per_epoch("entity") == 25


def test_order_of_the_mapping_changes_nothing():
    forward = MixedStream(stores(), batch_size=8)
    backward = MixedStream(dict(reversed(stores().items())), batch_size=8)
    assert drawn(forward, 4) == drawn(backward, 4)


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 7, "world": 2},
        {"rank": 2, "world": 2},
        {"batch_size": 0},
        {"ratios": {"entity": 1.0}},
        {"ratios": dict.fromkeys(SIZES, 0.0)},
        {"stores": {}},
        {"stores": {"panoptic": Numbers("entity", 3)}},
    ],
)
def test_what_does_not_fit_is_refused(change):
    with pytest.raises(ConfigError):
        MixedStream(**({"stores": stores()} | change))


def test_stores_of_other_shapes_do_not_mix():
    odd = stores("entity", "referring")
    odd["entity"].latent_shape = (3, 3, 3)
    with pytest.raises(ConfigError, match="different shapes"):
        MixedStream(odd)


def two_sets():
    return {
        "entity": {"coco": Numbers("entity", 40), "ade": Numbers("entity", 20)},
        "referring": Numbers("referring", 30),
    }


@given(st.integers(0, 10**9))
def test_each_data_set_of_a_task_comes_once_per_epoch_of_its_own(seed):
    stream = MixedStream(two_sets(), {"entity": 0.6, "referring": 0.4}, 10, seed)
    seen = {"entity/coco": [], "entity/ade": [], "referring": []}
    for name, index in drawn(stream, 30):
        seen[name].append(index)
    assert [len(seen[name]) for name in seen] == [120, 60, 120]
    for name, length in {"entity/coco": 40, "entity/ade": 20, "referring": 30}.items():
        for start in range(0, len(seen[name]), length):
            assert sorted(seen[name][start : start + length]) == list(range(length))
    assert stream.steps_per_epoch("entity") == 10


@given(st.integers(0, 10**6), st.integers(0, 10**9), st.sampled_from([1, 2, 4]))
def test_data_sets_keep_their_weights_and_ranks_their_parts(step, seed, world):
    weights = {"coco": 1.0, "ade": 3.0}
    ratios = {"entity": 0.8, "referring": 0.2}

    def part(rank, of):
        return MixedStream(two_sets(), ratios, 20, seed, rank, of, weights).draws(step)

    whole = part(0, 1)
    assert [draw for rank in range(world) for draw in part(rank, world)] == whole
    counts = Counter(name for name, _ in whole)
    assert counts == {"entity/coco": 4, "entity/ade": 12, "referring": 4}


def test_batch_of_several_data_sets_names_the_task():
    sets = {"entity": {"a": Numbers("entity", 3), "b": Numbers("inpainting", 3)}}
    batch = MixedStream(sets, batch_size=4).batch(0)
    assert batch["task"].tolist() == [TASKS["entity"].index] * 4
    assert {int(value) // 1000 for value in batch["image"][:, 0, 0, 0]} == {
        TASKS["entity"].index,
        TASKS["inpainting"].index,
    }


@pytest.mark.parametrize("weights", [{"coco": 1.0}, {"coco": 1.0, "ade": 0.0}])
def test_data_set_without_a_weight_is_refused(weights):
    with pytest.raises(ConfigError, match="weight"):
        MixedStream(two_sets(), datasets=weights)
