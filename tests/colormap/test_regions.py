"""The default decoder: identity on clean colormaps, and what must survive damage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from tests.colormap.test_palette import random_segments
from unigs.colormap import Palette, decode, decode_batch
from unigs.colormap.distortion import add_blur, add_jpeg, add_noise
from unigs.colormap.region_decoder.modes import SMALLEST
from unigs.evaluation.codec.trial import run_trial, trial_segments
from unigs.metrics.matching import match

ORDERED = ("lexicographic", "smooth", "contrast")


def rectangles(seed: int, size: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    segments = np.zeros((size, size), np.int32)
    for label in range(1, count + 1):
        top, left = rng.integers(0, size - 3, 2)
        height, width = rng.integers(1, size // 2, 2)
        segments[top : top + height, left : left + width] = label
    area = np.bincount(segments.ravel(), minlength=count + 1)
    segments[(area < SMALLEST)[segments]] = 0
    return segments


def same_partition(a: np.ndarray, b: np.ndarray) -> bool:
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    return len(np.unique(pairs[0])) == pairs.shape[1] == len(np.unique(pairs[1])) and bool(
        ((a == 0) == (b == 0)).all()
    )


@settings(max_examples=120, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(8, 96),
    st.integers(0, 25),
    st.sampled_from(ORDERED),
    st.booleans(),
)
def test_a_clean_colormap_comes_back_exactly(
    seed: int, size: int, count: int, order: str, known: bool
) -> None:
    """Any shapes of at least SMALLEST pixels with a colour each, palette told or not."""
    palette = Palette(11, order)
    segments = rectangles(seed, size, count)
    found = decode(palette.encode(segments), palette=palette if known else None)
    assert same_partition(segments, found.segments)


@pytest.mark.parametrize("count", [1, 120])
def test_one_entity_and_a_hundred_and_twenty(count: int) -> None:
    rng = np.random.default_rng(0)
    segments = rng.permutation(144)[:, None, None] * np.ones((1, 10, 10), int)
    segments = segments.reshape(12, 12, 10, 10).swapaxes(1, 2).reshape(120, 120)
    segments[segments > count] = 0
    palette = Palette(11)
    assert same_partition(segments, decode(palette.encode(segments), palette=palette).segments)


def test_parts_of_one_entity_come_back_as_one() -> None:
    segments = np.zeros((80, 80), np.int32)
    segments[5:25, 5:25] = segments[50:70, 50:75] = 1
    segments[30:45, 10:70] = 2
    found = decode(Palette().encode(segments), palette=Palette())
    assert same_partition(segments, found.segments)


def test_far_parts_of_one_entity_come_back_as_one() -> None:
    """The largest part lies far from the centre of mass, where another cell fits its colour."""
    segments = np.zeros((110, 110), np.int32)
    segments[50:60, 88:108] = segments[50:60, 38:53] = segments[50:60, 73:78] = 1
    segments[20:40, 20:90] = 2
    found = decode(Palette().encode(segments), palette=Palette())
    assert same_partition(segments, found.segments)


def test_location_tells_apart_what_colour_does_not() -> None:
    """Two entities halfway between their colours: one colour for whoever does not know places."""
    palette = Palette()
    colors = palette.colors.astype(float)
    row, column = np.divmod(np.arange(121), 11)
    away = np.hypot(row[:, None] - row, column[:, None] - column)
    step = np.linalg.norm(colors[:, None] - colors, axis=2)
    ends = np.argwhere((away >= 4) & (step < 66))[0]
    segments = np.zeros((110, 110), np.int32)
    colormap = np.zeros((110, 110, 3), np.uint8)
    for label, cell in enumerate(ends, 1):
        y, x = 10 * row[cell], 10 * column[cell]
        segments[y : y + 8, x : x + 8] = label
        mean = colors[ends].mean(axis=0)
        colormap[segments == label] = np.round(mean + (colors[cell] - mean) / 2)
    assert same_partition(segments, decode(colormap, palette=palette).segments)
    assert len(decode(colormap).scores) == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_labels_fall_with_area_and_scores_are_probabilities(seed: int) -> None:
    colormap = add_noise(6)(
        Palette().encode(random_segments(seed, 60, 80, 12)), np.random.default_rng(seed)
    )
    found = decode(colormap, palette=Palette())
    area = np.bincount(found.segments.ravel(), minlength=len(found.scores) + 1)[1:]
    assert found.segments.dtype == np.int32
    assert (area > 0).all()
    assert (np.diff(area) <= 0).all()
    assert ((found.scores > 0) & (found.scores < 1)).all()
    assert np.array_equal(found.masks.sum(axis=(1, 2)), area)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(0, 30), st.integers(0, 30), st.booleans(), st.booleans()
)
def test_any_colormap_is_decoded(
    seed: int, height: int, width: int, background: bool, known: bool
) -> None:
    colormap = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    found = decode(colormap, palette=Palette() if known else None, background=background)
    assert found.segments.shape == (height, width)
    assert found.segments.max(initial=0) == len(found.scores)
    if not background and colormap.size:
        assert found.segments.min() == 1


def test_without_background_black_is_an_entity() -> None:
    segments = np.zeros((40, 40), np.int32)
    segments[10:30, 10:30] = 1
    colormap = Palette().encode(segments)
    assert len(decode(colormap).scores) == 1
    assert len(decode(colormap, background=False).scores) == 2


def predicted(seed: int, palette: Palette) -> tuple[np.ndarray, np.ndarray]:
    """A colormap as a small network in doubt paints it, at 64 x 64.

    One region has a colour halfway to another cell's, colours drift, boundaries are soft.
    """
    rng = np.random.default_rng(seed)
    segments = random_segments(seed, 64, 64, 5) + 1
    colormap = palette.encode(segments).astype(float)
    doubtful = np.bincount(segments.ravel()).argmax()
    other = palette.colors[rng.integers(len(palette.colors))].astype(float)
    colormap[segments == doubtful] = (colormap[segments == doubtful] + other) / 2
    colormap = gaussian_filter(colormap, (0.8, 0.8, 0))
    drift = gaussian_filter(rng.normal(size=colormap.shape), (8, 8, 0))
    colormap += 12 * drift / drift.std() + rng.normal(0, 3, colormap.shape)
    return segments, np.clip(np.round(colormap), 0, 255).astype(np.uint8)


def test_predictions_in_doubt_keep_their_regions_and_scores_rank() -> None:
    palette = Palette(5)
    ious, scores, hits = [], [], []
    for seed in range(12):
        segments, colormap = predicted(seed, palette)
        found = decode(colormap, palette=palette, background=False)
        matches = match(segments, found.segments)
        ious += matches.iou.tolist()
        partner = np.zeros(len(found.scores))
        partner[matches.pred_labels[matches.pred_labels > 0] - 1] = matches.iou[
            matches.pred_labels > 0
        ]
        scores += found.scores.tolist()
        hits += (partner > 0.5).tolist()
    pdm = [
        match(segments, decode(colormap, "pdm", background=False).segments).iou.mean()
        for segments, colormap in (predicted(seed, palette) for seed in range(4))
    ]
    assert np.mean(ious) > 0.8
    assert np.mean(ious) > np.mean(pdm) + 0.1
    right = np.array(hits)
    assert right.mean() > 0.7
    if not right.all():
        assert np.mean(np.array(scores)[right]) > np.mean(np.array(scores)[~right]) + 0.2


@pytest.mark.parametrize(
    ("distort", "least"), [(add_noise(8), 0.9), (add_blur(1), 0.9), (add_jpeg(85), 0.9)]
)
def test_damage_costs_little_on_large_regions(distort, least: float) -> None:  # type: ignore[no-untyped-def]
    palette = Palette(11)
    ious: list[float] = []
    for seed in range(4):
        segments = random_segments(seed, 256, 256, 8)
        colormap = distort(palette.encode(segments), np.random.default_rng(seed))
        ious += match(segments, decode(colormap, palette=palette).segments).iou.tolist()
    assert np.mean(ious) > least


def test_a_photograph_guides_blurred_boundaries() -> None:
    plain: list[float] = []
    guided: list[float] = []
    for seed in range(6):
        segments = random_segments(seed, 64, 64, 5) + 1
        palette = Palette(5)
        blurred = add_blur(2)(palette.encode(segments), np.random.default_rng(seed))
        shade = np.random.default_rng(seed).integers(0, 256, (segments.max() + 1, 3), np.uint8)
        for ious, image in ((plain, None), (guided, shade[segments])):
            images = None if image is None else [image]
            found = decode_batch([blurred], "regions", palette, False, images)[0]
            ious += match(segments, found.segments).iou.tolist()
    assert np.mean(guided) > np.mean(plain) + 0.02


def test_an_image_must_fit_where_it_is_used() -> None:
    colormap = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="guide"):
        decode(colormap, image=np.zeros((4, 5, 3), np.uint8))
    assert len(decode(colormap, "pdm", image=np.zeros((4, 5, 3), np.uint8)).scores) == 0
    with pytest.raises(ValueError, match="shorter"):
        decode_batch([colormap, colormap], images=[colormap])


def test_a_batch_equals_one_by_one() -> None:
    rng = np.random.default_rng(0)
    colormaps = [
        add_noise(5)(Palette().encode(random_segments(seed, 50, 60, 9)), rng) for seed in range(5)
    ]
    for decoder in ("regions", "pdm"):
        together = decode_batch(np.stack(colormaps), decoder, Palette(), threads=2)
        for colormap, found in zip(colormaps, together, strict=True):
            alone = decode(colormap, decoder, Palette())
            assert np.array_equal(alone.segments, found.segments)
            assert np.array_equal(alone.scores, found.scores)


def test_unknown_decoder_and_option() -> None:
    colormap = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="decoder must be one of"):
        decode(colormap, "oracle")
    with pytest.raises(TypeError, match="delta"):
        decode(colormap, "regions", delta=3)


def test_the_package_needs_no_torch_and_no_writable_home(tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np\n"
        "from unigs.colormap import Palette, decode\n"
        "assert 'torch' not in sys.modules\n"
        "print(len(decode(Palette(2).encode(np.ones((4, 4), int))).scores))"
    )
    environment = {**os.environ, "HOME": "/proc/none", "NUMBA_CACHE_DIR": "/proc/none"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1"]


def test_real_photographs_come_back_clean(test_data: Path) -> None:
    from unigs.datasets import open_dataset

    rng = np.random.default_rng(0)
    scenes = list(open_dataset("coco_panoptic", test_data / "coco", "val"))[:12]
    samples = [(scene.key, trial_segments(scene, 512, None, rng)) for scene in scenes]
    report = run_trial(samples, Palette(11))
    assert report["miou"] >= 0.97
    assert report["recall_50"] >= 0.98
    assert report["entities"] == sum(len(np.unique(s[s > 0])) for _, s in samples)
