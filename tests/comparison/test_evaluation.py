import numpy as np
import pytest

from unigs.comparison.evaluation import Evaluation, tasks_of
from unigs.errors import DataError


def test_predictions_and_truth_come_back(sides, drawn):
    good, _ = sides
    for sample in drawn:
        assert np.array_equal(good.truth(sample.key), sample.segments)
        assert np.array_equal(good.labels(sample.key) > 0, sample.segments > 0)
        assert good.picture("colormaps", sample.key).is_file()
    assert {value.protocol for value in good.values} == {""}


def test_a_folder_is_one_task_or_holds_tasks(folders):
    assert tasks_of(folders[0]) == {"": folders[0]}
    assert tasks_of(folders[0].parent) == {"referring": folders[0]}


def test_other_folders_are_one_line(tmp_path):
    with pytest.raises(DataError, match="no evaluation there"):
        tasks_of(tmp_path)
    with pytest.raises(DataError, match="evaluate again"):
        Evaluation.read(tmp_path, "a")
