import numpy as np
import pytest

from tests.support.evaluation.made_predictions import MadePipeline
from unigs.errors import ConfigError
from unigs.pipeline.merge_seeds import predict_with_seeds, reference_run, vote


def rectangle(x0, x1, label=1):
    segments = np.zeros((10, 30), int)
    segments[:, x0:x1] = label
    return segments


def test_the_majority_wins_and_agreement_scores():
    steady = rectangle(0, 10, 1)
    maps = [steady + rectangle(20, 24, 2), steady, steady + rectangle(20, 24, 2)]
    segments, agreement = vote(maps, 0)
    assert np.array_equal(segments, maps[0])
    assert agreement == pytest.approx([1.0, 0.5])


def test_labels_may_be_numbered_otherwise_in_each_run():
    first = rectangle(0, 10, 1) + rectangle(10, 20, 2)
    second = rectangle(0, 10, 2) + rectangle(10, 20, 1)
    segments, agreement = vote([first, second, second], 1)
    assert np.array_equal(segments, second)
    assert agreement == pytest.approx([1.0, 1.0])


def test_the_reference_is_the_run_most_like_the_others():
    assert reference_run([rectangle(25, 30), rectangle(0, 10), rectangle(0, 11)]) == 1
    assert reference_run([np.zeros((2, 2), int)] * 2) == 0


def test_runs_are_merged_and_an_outlier_is_voted_down():
    predictions = iter([rectangle(0, 10), rectangle(20, 30), rectangle(0, 12)])
    pipeline = MadePipeline(lambda call: (next(predictions), [0.9], ["dog"]))
    output = predict_with_seeds(pipeline, "referring", [1, 2, 3], names=["dog"])
    (entity,) = output.entities[0]
    assert entity.class_name == "dog"
    assert entity.score == pytest.approx((10 / 12 + 0) / 2)
    assert not output.segments[0][:, 20:].any()
    assert len({call["generator"].initial_seed() for call in pipeline.calls}) == 3


def test_wrong_use():
    with pytest.raises(ConfigError, match="inpainting"):
        predict_with_seeds(None, "inpainting", [1, 2])
    with pytest.raises(ConfigError, match="at least two"):
        predict_with_seeds(MadePipeline(None), "entity", [1])
    with pytest.raises(ConfigError, match="seeds: 3 given"):
        predict_with_seeds(MadePipeline(None), "entity", 3)
    with pytest.raises(ConfigError, match="latent"):
        predict_with_seeds(MadePipeline(None), "entity", [1, 2], output_type="latent")
    noiseless = MadePipeline(None)
    noiseless.config["zero_initial_noise"] = ["entity"]
    with pytest.raises(ConfigError, match="without noise"):
        predict_with_seeds(noiseless, "entity", [1, 2])
