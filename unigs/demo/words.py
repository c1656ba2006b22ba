"""The class names that a model knows."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from unigs.datasets.shapes.ground import STUFF
from unigs.datasets.shapes.things import THINGS
from unigs.models.tokenizer import TEMPLATE_WORDS, WORD_END

# CLIP's own vocabulary has 49,408 pieces and knows English; a closed one holds a set's classes.
_CLOSED = 10_000
_WORD = re.compile(r"[a-z]{2,}")


def known_words(tokenizer: Any) -> list[str]:
    """Return the words of a closed vocabulary, sorted; [] of an open one.

    Those of the generated set if it knows all of them; else without words that end another one,
    which cannot be told from the pieces of that.
    """
    vocabulary = tokenizer.get_vocab()
    if len(vocabulary) > _CLOSED:
        return []
    words = {piece.removesuffix(WORD_END) for piece in vocabulary if piece.endswith(WORD_END)}
    shapes = [*(thing.name for thing in THINGS), *(stuff.name for stuff in STUFF)]
    if all(_is_whole(tokenizer, name) for name in shapes):
        return sorted(shapes)
    # the ends of longer words, from which those were merged
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    words -= {right.removesuffix(WORD_END) for _, right in merges}
    return sorted({word for word in words if _WORD.fullmatch(word)} - set(TEMPLATE_WORDS.split()))


def unknown_words(tokenizer: Any, names: Sequence[str]) -> list[str]:
    """Return the sentences about names that hold words which a closed vocabulary lacks."""
    known = known_words(tokenizer)
    if not known:
        return []
    said = []
    for name in names:
        for word in _WORD.findall(name.lower()):
            if not _is_whole(tokenizer, word):
                close = get_close_matches(word, known, n=1)
                hint = f" (did you mean {close[0]}?)" if close else ""
                said.append(f"{word!r} is no word this model was trained with{hint}")
    return said


def _is_whole(tokenizer: Any, word: str) -> bool:
    return len(tokenizer.tokenize(word)) == 1
