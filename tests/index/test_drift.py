"""Distributions of two states of the data, and whether they differ by more than chance."""

import numpy as np
import pytest
from PIL import Image

from unigs.datasets import open_dataset
from unigs.datasets.shapes.generate import write_shapes
from unigs.index.drift import (
    BRIGHTNESS_BINS,
    Distributions,
    brightness,
    differences,
    read_distributions,
)
from unigs.index.scenes_index import ScenesIndex, build_index
from unigs.index.statistics import scene_statistics


def counts(classes: dict[str, int]) -> Distributions:
    return Distributions(classes, {"1": 10}, {"0": 10})


def of_classes(before: dict[str, int], now: dict[str, int]):
    return differences(counts(before), counts(now))[0]


def test_equal_shares_are_no_difference() -> None:
    found = of_classes({"a": 100, "b": 300}, {"a": 10, "b": 30})
    assert found.distance == pytest.approx(0)
    assert not found.drifted


def test_the_distance_is_the_share_that_lies_elsewhere() -> None:
    found = of_classes({"a": 500, "b": 500}, {"a": 500, "c": 500})
    assert found.distance == pytest.approx(0.5)
    assert found.drifted
    assert (found.most, found.before, found.now) in {("b", 0.5, 0.0), ("c", 0.0, 0.5)}
    assert str(found).startswith("classes: 50% lie elsewhere (")


@pytest.mark.parametrize("entities", [30, 3000])
def test_chance_alone_is_no_drift(entities: int) -> None:
    random = np.random.default_rng(0)
    names = [f"class {number}" for number in range(50)]

    def drawn() -> dict[str, int]:
        return dict(zip(names, random.multinomial(entities, [1 / 50] * 50).tolist(), strict=True))

    found = [of_classes(drawn(), drawn()) for _ in range(50)]
    assert np.mean([one.distance for one in found]) == pytest.approx(
        np.mean([one.chance for one in found]), rel=0.2
    )
    assert not any(one.drifted for one in found)


def test_a_small_shift_of_much_data_is_allowed() -> None:
    assert not of_classes({"a": 50_000, "b": 50_000}, {"a": 55_000, "b": 45_000}).drifted
    assert of_classes({"a": 50_000, "b": 50_000}, {"a": 65_000, "b": 35_000}).drifted


def test_nothing_to_compare_is_no_drift() -> None:
    found = of_classes({}, {"a": 1})
    assert np.isnan(found.distance)
    assert not found.drifted


def test_they_are_read_again_from_json() -> None:
    from dataclasses import asdict

    assert read_distributions(asdict(counts({"a": 1}))) == counts({"a": 1})
    assert read_distributions({"classes": {}}) is None
    assert read_distributions([]) is None


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ScenesIndex:
    root = tmp_path_factory.mktemp("shapes")
    write_shapes(root, train=12, val=1, size=32)
    for number, file in enumerate(sorted((root / "train2017").glob("*.jpg"))):
        Image.fromarray(np.full((32, 32, 3), 20 * number, np.uint8)).save(file)
    path = root / "index.parquet"
    build_index(open_dataset("shapes", root, "train"), path)
    next(iter(sorted((root / "train2017").glob("*.jpg")))).unlink()
    return ScenesIndex(path)


def test_brightness_counts_images_by_their_mean(index: ScenesIndex) -> None:
    found = brightness(index)
    greys = [20 * number for number in range(1, 12)]
    wanted = np.bincount([g * BRIGHTNESS_BINS // 256 for g in greys], minlength=BRIGHTNESS_BINS)
    assert found == wanted.tolist()
    assert 1 <= sum(brightness(index, most=3)) <= 3


def test_several_indexes_add_up(index: ScenesIndex) -> None:
    part = (scene_statistics(index), brightness(index))
    once, twice = Distributions.of([part]), Distributions.of([part, part])
    assert sum(once.classes.values()) == sum(once.areas.values()) > 0
    assert twice.classes == {name: 2 * count for name, count in once.classes.items()}
    assert sum(twice.brightness.values()) == 2 * sum(part[1])
