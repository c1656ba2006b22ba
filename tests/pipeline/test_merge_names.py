import numpy as np
import pytest

from tests.support.evaluation.made_predictions import MadePipeline
from unigs.errors import ConfigError
from unigs.pipeline.merge_names import predict_by_name


def test_every_entity_has_its_class_and_the_higher_score_keeps_the_overlap():
    where = {"dog": (np.s_[:, :6], 0.4), "cat": (np.s_[:, 4:8], 0.9), "ship": (None, 0.0)}

    def make(call):
        (name,) = call["names"]
        place, score = where[name]
        segments = np.zeros((5, 10), int)
        if place is None:
            return segments, [], []
        segments[place] = 1
        return segments, [score], [name]

    pipeline = MadePipeline(make)
    output = predict_by_name(pipeline, ["dog", "cat", "ship"], image=np.zeros((5, 10, 3), np.uint8))
    found = {e.class_name: (e.score, e.area) for e in output.entities[0]}
    assert found == {"dog": (0.4, 20), "cat": (0.9, 20)}
    cat = next(e.id for e in output.entities[0] if e.class_name == "cat")
    assert (output.segments[0][:, 4:8] == cat).all()
    assert not output.segments[0][:, 8:].any()
    assert len(pipeline.calls) == 3


def test_a_text_is_one_name():
    pipeline = MadePipeline(lambda call: (np.zeros((5, 10), int), [], []))
    predict_by_name(pipeline, "dog", image=np.zeros((5, 10, 3), np.uint8))
    assert [call["names"] for call in pipeline.calls] == [["dog"]]


def test_arguments_of_nothing_are_as_left_out():
    pipeline = MadePipeline(lambda call: (np.zeros((5, 10), int), [], []))
    nothing = {"prompt": None, "generator": None, "task": None}
    predict_by_name(pipeline, "dog", image=np.zeros((5, 10, 3), np.uint8), **nothing)
    (call,) = pipeline.calls
    assert (call["task"], call["prompt"]) == ("referring", None)
    assert call["generator"] is not None


@pytest.mark.parametrize(
    ("names", "call", "message"),
    [
        ([], {}, "names: none"),
        (5, {}, "names: 5"),
        (["dog"], {"output_type": "latent"}, "latent"),
        (["dog"], {"return_dict": False}, "return_dict"),
        (["dog"], {"prompt": "a dog"}, "prompt: each call"),
    ],
)
def test_calls_that_cannot_be_merged_are_told(names, call, message):
    with pytest.raises(ConfigError, match=message):
        predict_by_name(MadePipeline(None), names, image=np.zeros((5, 10, 3), np.uint8), **call)
