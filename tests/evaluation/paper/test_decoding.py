import numpy as np
import pytest

from tests.support.evaluation.evaluated_shards import samples
from unigs.colormap import Palette
from unigs.errors import DataError
from unigs.evaluation.paper.decoding import READINGS, Reading, decoding_table

PALETTE = Palette.from_name("smooth-5-v1")
OWN = Reading("nearest")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return samples(tmp_path_factory.mktemp("scenes"), "referring", 40)


@pytest.fixture(scope="module")
def tables(drawn):
    """Both tables on true colormaps, more of them than are read at once."""
    pairs = [(sample, sample.colormap) for sample in drawn]
    return {table: decoding_table(table, pairs, PALETTE, OWN) for table in READINGS}


def test_the_rows_are_the_papers_and_the_models_own(tables):
    assert [name for name, _ in tables[8].rows] == [*READINGS[8], "nearest, the model's own"]
    assert [name for name, _ in tables[9].rows] == list(READINGS[9])
    assert [name for name, _ in tables[9].rows] == [name for name, _ in tables[9].published.rows]


def test_true_colormaps_are_read_well_where_the_number_of_clusters_is_known(tables, drawn):
    rows = {name: [value.value for value in values] for name, values in tables[8].rows}
    assert rows["k-means, true number"][0] > 0.9
    assert rows["nearest, the model's own"][0] > 0.9
    # Three clusters, one of them the background, are too few for some of the samples.
    assert any(len(np.unique(sample.segments)) != 3 for sample in drawn)
    assert rows["k-means, 3 clusters"][0] < rows["k-means, true number"][0]


def test_a_threshold_beyond_all_colours_finds_one_entity(tables):
    rows = {name: values[0].value for name, values in tables[9].rows}
    assert rows["delta 10"] == rows["RGB + LAB"] > 0.9
    assert rows["delta 50"] <= rows["delta 10"]


def test_every_sample_counts(tables):
    assert "40 held-out samples" in tables[8].note


def test_no_sample():
    with pytest.raises(DataError, match="no sample of the referring task"):
        decoding_table(8, [], PALETTE, OWN)
