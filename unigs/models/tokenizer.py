"""A CLIP tokenizer for a closed vocabulary: one token per known word, bytes for any other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from itertools import pairwise

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"
# Every word of the four prompt templates (Table 2), and the punctuation between them.
TEMPLATE_WORDS = (
    "inpainting synthesis referring panoptic : generate find all entities , and . , and"
)


def build_tokenizer(names: Iterable[str], max_length: int = 32) -> CLIPTokenizer:
    """Return a tokenizer in which each word of `names` and of the prompt templates is one token.

    The byte-pair merges are learned from those words alone until each is whole, so the result
    depends on the set of words and nothing else. Any other word falls back to pieces down to
    single bytes, never to an unknown token. `max_length` counts tokens, start and end included.
    """
    bare = CLIPTokenizer(model_max_length=max_length).backend_tokenizer
    words = set()
    for text in (TEMPLATE_WORDS, *names):
        normal = bare.normalizer.normalize_str(text)
        words |= {word for word, _ in bare.pre_tokenizer.pre_tokenize_str(normal)}
    alphabet = sorted(ByteLevel.alphabet())
    merges = _learn_merges(words)
    symbols = [*alphabet, *(letter + WORD_END for letter in alphabet)]
    symbols += [left + right for left, right in merges]
    # Two orders of merges can lead to the same piece; it keeps its first index.
    symbols = list(dict.fromkeys([*symbols, START, END]))
    return CLIPTokenizer(
        vocab={symbol: index for index, symbol in enumerate(symbols)},
        merges=merges,  # type: ignore[arg-type]  # pairs, as tokenizers takes them
        model_max_length=max_length,
    )


def _learn_merges(words: set[str]) -> list[tuple[str, str]]:
    """Byte-pair merges until all words are whole: most frequent pair first, ties by alphabet."""
    pieces = [(*word[:-1], word[-1] + WORD_END) for word in sorted(words)]
    counts = Counter(pair for word in pieces for pair in pairwise(word))
    places: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for index, word in enumerate(pieces):
        for pair in pairwise(word):
            places[pair].add(index)
    heap = [(-count, pair) for pair, count in counts.items()]
    heapify(heap)
    merges = []
    while heap:
        count, best = heappop(heap)
        # The heap keeps outdated counts; a changed pair was pushed again.
        if not counts[best] or -count != counts[best]:
            continue
        merges.append(best)
        changed: set[tuple[str, str]] = set()
        for index in sorted(places[best]):
            before, after = pieces[index], _merge(pieces[index], best)
            counts.subtract(pairwise(before))
            counts.update(pairwise(after))
            changed.update(pairwise(before), pairwise(after))
            for pair in pairwise(after):
                places[pair].add(index)
            pieces[index] = after
        for pair in changed:
            if counts[pair]:
                heappush(heap, (-counts[pair], pair))
    return merges


def _merge(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    merged: list[str] = []
    index = 0
    while index < len(word):
        if word[index : index + 2] == pair:
            merged.append(pair[0] + pair[1])
            index += 2
        else:
            merged.append(word[index])
            index += 1
    return tuple(merged)
