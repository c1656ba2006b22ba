import numpy as np
import pytest

from unigs.config.seeds import checked_seed, whole_number
from unigs.errors import ConfigError
from unigs.pipeline.initial_noise import seeded_generator


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1, np.int64(7), 7.0])
def test_whole_numbers_are_seeds(seed):
    assert seeded_generator(seed).initial_seed() == int(seed) == checked_seed(seed)


@pytest.mark.parametrize(
    "seed", [None, "", -1, 2**63, 99999999999999999999, 1.5, float("nan"), True, "7", [1]]
)
def test_anything_else_is_told_in_one_line(seed):
    with pytest.raises(ConfigError, match=r"seed: .*whole number from 0"):
        checked_seed(seed)


def test_whole_numbers():
    assert [whole_number(value) for value in (3, 3.0, np.uint8(3))] == [3, 3, 3]
    assert [whole_number(value) for value in (True, "3", 1.5, None, float("inf"))] == [None] * 5
