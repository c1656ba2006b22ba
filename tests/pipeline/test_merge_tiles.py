import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.support.evaluation.made_predictions import MadePipeline
from unigs.errors import ConfigError
from unigs.pipeline.merge_tiles import predict_in_tiles, starts


@given(st.integers(1, 500), st.integers(1, 100), st.floats(0, 0.9))
def test_tiles_cover_and_stay_inside(length, side, overlap):
    first = starts(length, side, overlap)
    covered = np.zeros(length, bool)
    for start in first:
        covered[start : start + side] = True
    assert covered.all()
    assert first[0] == 0
    assert first[-1] + side == max(length, side)


def scene(height=40, width=70):
    """Four entities drawn as red levels; two of them cross the borders of tiles."""
    truth = np.ones((height, width), int)
    truth[5:15, 5:60] = 2
    truth[20:38, 30:44] = 3
    truth[25:30, 60:68] = 4
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = truth * 50
    return truth, image


def read(call):
    labels = call["image"][..., 0].astype(int) // 50
    present = np.unique(labels[labels > 0])
    segments = np.searchsorted(present, labels) + (labels > 0) * 1
    return np.where(labels > 0, segments, 0), [0.5] * len(present), [None] * len(present)


def test_entities_are_joined_over_the_tiles():
    truth, image = scene()
    pipeline = MadePipeline(read, size=24)
    output = predict_in_tiles(pipeline, "entity", image)
    assert len(pipeline.calls) > 4
    assert len(output.entities[0]) == 4
    pairs = {(a, b) for a, b in zip(truth.ravel(), output.segments[0].ravel(), strict=True)}
    assert len(pairs) == 4
    assert all(entity.score == pytest.approx(0.5) for entity in output.entities[0])


def test_tiles_without_mask_are_skipped():
    _, image = scene()
    mask = np.zeros(image.shape[:2], bool)
    mask[:10, :10] = True
    pipeline = MadePipeline(read, size=24)
    predict_in_tiles(pipeline, "referring", image, mask, names=["dog"])
    assert len(pipeline.calls) == 1
    assert pipeline.calls[0]["coarse_mask"].shape == (24, 24)


def test_files_are_cut_into_tiles_as_arrays_are(tmp_path):
    _, image = scene()
    mask = np.zeros(image.shape[:2], bool)
    mask[:10, :10] = True
    picture, marked = tmp_path / "photo.png", tmp_path / "mask.png"
    Image.fromarray(image).save(picture)
    Image.fromarray(mask).save(marked)
    read_files = MadePipeline(read, size=24)
    predict_in_tiles(read_files, "referring", str(picture), marked, names=["dog"])
    assert np.array_equal(read_files.calls[0]["image"], image[:24, :24])
    assert np.array_equal(read_files.calls[0]["coarse_mask"], mask[:24, :24])


def test_wrong_use():
    _, image = scene()
    for changes, message in (
        ({"task": "synthesis"}, "synthesis"),
        ({"overlap": 1.0}, "overlap"),
        ({"tile": None}, "tile"),
        ({"tile": 0}, "tile 0"),
        ({"tile": -8}, "tile -8"),
        ({"tile": 8.5}, "tile 8.5"),
        ({"output_type": "latent"}, "latent"),
        ({"return_dict": False}, "return_dict"),
        ({"generator": [1]}, "generator"),
    ):
        given = {"task": "entity", "tile": 8, "overlap": 0.2} | changes
        with pytest.raises(ConfigError, match=message):
            predict_in_tiles(MadePipeline(read), image=image, **given)
