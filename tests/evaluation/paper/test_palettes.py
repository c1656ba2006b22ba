import numpy as np
import pytest

from tests.support.evaluation.evaluated_shards import samples
from unigs.colormap import Palette
from unigs.errors import DataError
from unigs.evaluation.paper.decoding import Reading
from unigs.evaluation.paper.palettes import (
    LOCATED,
    RANDOM,
    PredictedColormaps,
    location_gain,
    palette_table,
)

PALETTE = Palette.from_name("smooth-5-v1")
RANDOM_PALETTE = Palette.from_name("random-5-v1")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return samples(tmp_path_factory.mktemp("scenes"), "referring", 12)


def learned(drawn, palette, noise=0):
    """True colormaps in a palette, with noise of some levels."""
    rng = np.random.default_rng(0)

    def predicted(sample):
        clean = palette.encode(sample.segments, rng=rng).astype(np.int64)
        return np.clip(clean + rng.normal(0, noise, clean.shape), 0, 255).astype(np.uint8)

    pairs = ((sample, predicted(sample)) for sample in drawn)
    return PredictedColormaps(pairs, palette, Reading("nearest"))


def test_each_reading_of_each_palette_is_a_row_beside_the_papers(drawn):
    table = palette_table(
        {LOCATED: learned(drawn, PALETTE), RANDOM: learned(drawn, RANDOM_PALETTE)}
    )
    readings = ("PDM delta 10", "PDM delta 20", "PDM delta 30", "nearest, the model's own")
    wanted = [f"{name}, {reading}" for name in (RANDOM, LOCATED) for reading in readings]
    assert [row for row, _ in table.rows] == wanted
    assert table.missing() == []
    # true colormaps are read well, whichever colours they have
    assert all(values[0].value > 0.9 for row, values in table.rows if "PDM delta 10" in row)
    text = table.markdown()
    assert "| random colours (paper) | 0.493 | 0.563 |" in text
    assert "12 with random colours, 12 with location-aware palette" in text


def test_the_gain_is_that_of_the_best_readings(drawn):
    table = palette_table(
        {LOCATED: learned(drawn, PALETTE), RANDOM: learned(drawn, RANDOM_PALETTE, noise=60)}
    )
    values = {row: found[0].value for row, found in table.rows}
    best = [
        max(values[row] for row in values if row.startswith(name)) for name in (LOCATED, RANDOM)
    ]
    assert location_gain(table) == best[0] - best[1] > 0.1


def test_a_model_that_is_missing_is_said_to_be(drawn):
    table = palette_table({RANDOM: learned(drawn, RANDOM_PALETTE)})
    assert table.missing() == [f"{LOCATED}: mIoU", f"{LOCATED}: recall"]
    assert np.isnan(location_gain(table))
    assert palette_table({}).missing()[0] == f"{RANDOM}: mIoU"


def test_a_model_without_predictions(drawn):
    with pytest.raises(DataError, match="no sample of the referring task"):
        palette_table({LOCATED: learned([], PALETTE)})
