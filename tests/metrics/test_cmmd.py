import numpy as np
import pytest

from unigs.errors import DataError
from unigs.metrics.cmmd import CmmdMetric, cmmd, cmmd_interval, unit

# What the PyTorch port of the authors' code (github.com/sayakpaul/cmmd-pytorch, distance.py) gives
# in float64 for these seeded vectors, scaled to length 1.
PUBLISHED = (
    (0, 50, 40, 16, 2.0563765811121293),
    (1, 200, 200, 768, 0.8992062194665973),
    (2, 64, 64, 512, 1.091546522347997),
)


def vectors(seed, n, m, d):
    rng = np.random.RandomState(seed)
    return rng.randn(n, d), rng.randn(m, d) + 0.3


@pytest.mark.parametrize(("seed", "n", "m", "d", "value"), PUBLISHED)
def test_the_published_implementation_gives_the_same(seed, n, m, d, value):
    # It subtracts means that differ in the third digit: 1000 times their last bits.
    assert cmmd(*vectors(seed, n, m, d)) == pytest.approx(value, abs=1e-11)


def test_it_is_the_mean_over_all_pairs():
    a, b = (unit(side) for side in vectors(3, 5, 4, 3))

    def mean(left, right):
        return np.mean([[np.exp(-((x - y) ** 2).sum() / 200) for x in left] for y in right])

    expected = 1000 * (mean(a, a) + mean(b, b) - 2 * mean(a, b))
    assert cmmd(a, b) == pytest.approx(expected, abs=1e-10)
    # Embeddings as the network gives them: their length means nothing.
    assert cmmd(7 * a, b) == pytest.approx(expected, abs=1e-10)
    assert cmmd(a, a) == pytest.approx(0, abs=1e-10)


def test_many_images_are_taken_in_parts():
    a, b = vectors(4, 1500, 1100, 4)
    gram = [unit(x) @ unit(y).T for x, y in ((a, a), (b, b), (a, b))]
    means = [np.exp((values - 1) / 100).mean() for values in gram]
    assert cmmd(a, b) == pytest.approx(1000 * (means[0] + means[1] - 2 * means[2]), abs=1e-9)


def test_the_bias_of_two_samples_of_one_distribution_is_as_documented():
    rng = np.random.default_rng(0)
    values = [cmmd(rng.normal(size=(50, 64)), rng.normal(size=(50, 64))) for _ in range(200)]
    # Random vectors have cosine 0: 1 - exp(-2 / 200) for each side.
    assert np.mean(values) == pytest.approx(2 * 1000 * (1 - np.exp(-0.01)) / 50, rel=0.05)


def test_metric_is_keyed_and_merges():
    real, made = vectors(5, 10, 10, 3)
    whole, left, right = CmmdMetric(), CmmdMetric(), CmmdMetric()
    for i in range(10):
        whole.update(f"{i}", real[i], made[i])
        (left if i < 4 else right).update(f"{i}", real[i], made[i])
    left.update("9", real[9], made[9])
    left.merge_state(right)
    assert left.compute() == whole.compute()
    assert whole.compute()["cmmd"] == pytest.approx(cmmd(real, made), abs=1e-12)
    ends = whole.intervals()["cmmd"]
    assert ends.low < whole.compute()["cmmd"] < ends.high
    assert ends == cmmd_interval(real, made, cmmd(real, made), True)


def test_without_two_images_there_is_no_value():
    metric = CmmdMetric()
    metric.update("0", [1.0, 0.0], [0.0, 1.0])
    assert np.isnan(metric.compute()["cmmd"])
    assert metric.intervals() == {}


@pytest.mark.parametrize("paired", [True, False])
def test_intervals_contain_the_distance_of_the_distributions(paired):
    rng = np.random.default_rng(1)
    shift, n = np.r_[0.4, np.zeros(7)], 60
    big = rng.normal(size=(2, 4000, 8))
    # The estimate of n images lies above the distance of so many, by a bias that its interval has.
    bias = 2000 * (1 - np.exp((unit(big[0, :500]) @ unit(big[1, :500]).T - 1) / 100).mean()) / n
    true = cmmd(big[0], big[1] + shift) + bias
    inside = 0
    for _ in range(60):
        a, b = rng.normal(size=(2, n, 8))
        b = b + shift
        ends = cmmd_interval(a, b, cmmd(a, b), paired, draws=300)
        inside += ends.low <= true <= ends.high
    assert inside >= 51


@pytest.mark.parametrize("bad", [np.ones(3), np.ones((3, 5)), np.full((3, 2), np.nan), [[1, 2]]])
def test_bad_embeddings_are_refused(bad):
    with pytest.raises(DataError):
        cmmd(np.random.default_rng(0).normal(size=(4, 2)), bad)
