"""Thousands of mutated annotation files: each is read, quarantined or refused in one line."""

import json
import random
import re

import pytest

from tests.datasets.layouts import ANNOTATIONS, WRITERS
from unigs.datasets import open_dataset
from unigs.errors import DataError
from unigs.scene import Scene

TOKENS = [
    b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"-Infinity", b"99999999999999999999999999",
    b'""', b'"../x"', b"[]", b"{}", b"[[]]", b'"\\ud800"', b'"\\u0000"', b"[1,2,3]", b"{", b"]",
    b",", b"\xff", b"\0", b"\n", b'"', b"1.5", b"16777216", b'{"size":[32,32],"counts":"0"}',
]  # fmt: skip
VALUE = re.compile(rb'-?\d+(\.\d+)?|"[^"]*"|\[\]|\{\}')


def mutate(content: bytes, rng: random.Random) -> bytes:
    """One to three values replaced, removed, doubled or swapped, bytes flipped, or the end cut."""
    for _ in range(rng.randint(1, 3)):
        spans = [match.span() for match in VALUE.finditer(content)]
        if not spans:
            break
        start, end = rng.choice(spans)
        other = rng.choice(spans)
        kind = rng.random()
        if kind < 0.45:
            content = content[:start] + rng.choice(TOKENS) + content[end:]
        elif kind < 0.7:
            content = content[:start] + content[slice(*other)] + content[end:]
        elif kind < 0.8:
            content = content[:start] + content[end:]
        elif kind < 0.9:
            content = content[:end] + content[start:end] + content[end:]
        elif kind < 0.97:
            at = rng.randrange(len(content))
            content = content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]
        else:
            content = content[: rng.randrange(len(content))]
    return content


def survives(name: str, root, content: bytes) -> tuple[int, int]:
    """Read the mutated set; how many scenes and how many refusals came out."""
    (root / ANNOTATIONS[name]).write_bytes(content)
    scenes = refused = 0
    failure = ""
    try:
        for record in open_dataset(name, root, "train").scan():
            if isinstance(record, Scene):
                scenes += 1
                count = len(record.entities) + len(record.crowd)
                assert record.entities
                assert record.segments.min() >= 0
                assert record.segments.max() == count
                assert record.image().shape == (*record.segments.shape, 3)
            else:
                refused += 1
                assert record.reason
                json.dumps([record.file, record.record, record.reason]).encode()
                (record.file + record.record + record.reason).encode()
    except DataError as error:
        failure = str(error)
    assert "\n" not in failure
    return scenes, refused + bool(failure)


def run(bench, folder, cases: int) -> None:
    root = bench.copy(folder)
    sound = (root / ANNOTATIONS[bench.name]).read_bytes()
    rng = random.Random(f"fuzz {bench.name}")
    outcomes = [survives(bench.name, root, mutate(sound, rng)) for _ in range(cases)]
    # a fuzz that never gets past the parser, or never breaks anything, tests nothing
    assert sum(scenes > 0 for scenes, _ in outcomes) > cases // 10
    assert sum(refused > 0 for _, refused in outcomes) > cases // 10


@pytest.mark.parametrize("name", WRITERS)
def test_mutated_annotations(benches, tmp_path, name):
    run(benches[name], tmp_path, 30)


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITERS)
def test_mutated_annotations_at_length(benches, tmp_path, name):
    run(benches[name], tmp_path, 2000)
