"""The class list of a closed vocabulary, and what is said of a name outside it."""

from types import SimpleNamespace

import pytest

from unigs.datasets.shapes.ground import STUFF
from unigs.datasets.shapes.things import THINGS
from unigs.demo.words import known_words, unknown_words
from unigs.models.tokenizer import build_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(["dog", "traffic light", "grass"])


def test_the_words_are_those_of_the_classes(tokenizer):
    assert known_words(tokenizer) == ["dog", "grass", "light", "traffic"]


def test_a_model_of_the_generated_set_lists_its_classes():
    names = [kind.name for kind in (*THINGS, *STUFF)]
    assert known_words(build_tokenizer(names)) == sorted(names)


def test_a_name_outside_is_told_with_the_nearest(tokenizer):
    assert unknown_words(tokenizer, ["dog", "Traffic light"]) == []
    (said,) = unknown_words(tokenizer, ["grassy", "dog"])
    assert said == "'grassy' is no word this model was trained with (did you mean grass?)"
    assert len(unknown_words(tokenizer, ["zebra crossing"])) == 2


def test_an_open_vocabulary_knows_every_name():
    clip = SimpleNamespace(get_vocab=lambda: dict.fromkeys(map(str, range(49_408))))
    assert known_words(clip) == []
    assert unknown_words(clip, ["zebra"]) == []
