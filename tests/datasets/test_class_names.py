import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.datasets.layouts import ANNOTATIONS
from tests.datasets.small_set import SMALL, annotation, read, write_set
from unigs.datasets import open_dataset
from unigs.datasets.class_names import MAX_CHARACTERS, MAX_WORDS, class_names, prompt_name
from unigs.errors import DataError
from unigs.scene import Scene

DOCUMENT = Path(__file__).parents[2] / "docs" / "data.md"


def test_table_of_the_documentation_is_what_happens():
    section = DOCUMENT.read_text().split("## Class names")[1].split("\n## ")[0]
    rows = re.findall(r"^\|(?! data set|--)(.*)\|$", section, re.MULTILINE)
    pairs = [
        (cells[at].strip(), cells[at + 1].strip())
        for row in rows
        for cells in [row.split("|")]
        for at in (0, 3)
    ]
    assert len(pairs) == 30
    for source, name in pairs:
        assert prompt_name(source) == name


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("car, auto, automobile, machine, motorcar", "car"),
        ("Human head", "human head"),
        ("Remote (control)", "remote"),
        ("body_of_water", "body of water"),
        ("  Fruit & veg. ", "fruit veg"),
        ("Jack-o-Lantern", "jack o lantern"),
        ("chest of drawers", "chest of drawers"),
        ("\u0915\u0947\u0932\u093e", "\u0915\u0947\u0932\u093e"),
        ("\u0915\u093f\u0932\u093e", "\u0915\u093f\u0932\u093e"),
        ("\u092c\u093f\u0932\u094d\u0932\u0940", "\u092c\u093f\u0932\u094d\u0932\u0940"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("Cafe\u0301", "caf\u00e9"),
        ("\u0130stanbul", "i\u0307stanbul"),
        ("\u041a\u041e\u0422", "\u043a\u043e\u0442"),
        ("\U0001f431", "\U0001f431"),
        ("C++", "c"),
    ],
)
def test_names_of_the_other_data_sets(source, name):
    assert prompt_name(source) == name


@given(st.text())
def test_no_name_can_end_a_prompt_or_split_its_list(source):
    try:
        name = prompt_name(source)
    except DataError:
        return
    assert name == name.strip()
    assert not set(name) & set(".,:;()\n\t")
    assert prompt_name(name) == name or "other" in name or "stuff" in name or "merged" in name


@pytest.mark.parametrize("source", ["", " ", "-merged", "(all)", ",car", "...", "+", "'", "_"])
def test_what_holds_no_word_is_refused(source):
    with pytest.raises(DataError, match="holds no word"):
        prompt_name(source)


def named(**sources):
    """Names of classes 1, 2, ... and the notes."""
    names, notes = class_names(dict(enumerate(sources.values(), start=1)))
    return list(names.values()), notes


def test_numbers_are_names_and_what_has_no_word_is_named_after_its_id():
    names, notes = named(a="\u732b", b=2, c=3.0, d="+", e=None, f="", g="salt and pepper", h=True)
    assert names == ["\u732b", "2", "3", "class 4", "class 5", "class 6", "salt and pepper", "true"]
    assert len(notes) == 3
    assert notes[0] == "class 4 has a name without a word, '+': it is called 'class 4'"


def test_names_that_become_one_are_noted():
    names, notes = named(a="C++", b="C", c="c#", d="dog")
    assert names == ["c", "c", "c", "dog"]
    assert notes == ["classes 1 (C++), 2 (C), 3 (c#) share the name 'c'"]
    _, notes = class_names(dict.fromkeys(range(9), "x"))
    assert notes == ["classes 0 (x), 1 (x), 2 (x), 3 (x), 4 (x) and 4 more share the name 'x'"]


def test_long_names_are_shortened_and_stay_apart():
    long = "missing screw on the left side of the front cover"
    names, notes = named(a=long + " plate", b=long + " door", c="x" * 500, d="short name")
    assert names[0] == "missing screw on the left side of the 1"
    assert names[1] == "missing screw on the left side of the 2"
    assert names[2:] == ["x" * MAX_CHARACTERS, "short name"]
    assert ["shortened" in note for note in notes] == [True] * 3
    assert all(len(name.split()) <= MAX_WORDS + 1 for name in names)


def test_no_entity_is_lost_to_its_name(tmp_path):
    classes = [{"id": 1, "name": 7}, {"id": 2, "name": "+"}, {"id": 3}]
    boxes = [annotation(1), annotation(2, category_id=2, segmentation=[SMALL])]
    scenes, refused, dataset = read(write_set(tmp_path, None, boxes, classes))
    assert not refused
    assert [entity.class_name for entity in scenes["a"].entities] == ["7", "class 2"]
    assert len(dataset.notes) == 2


@pytest.mark.parametrize("name", ["open_images", "ade20k"])
def test_odd_name_costs_nothing_in_the_other_layouts(benches, tmp_path, name):
    bench = benches[name]
    root = bench.copy(tmp_path)
    if name == "open_images":
        file = root / "class-descriptions-boxable.csv"
        lines = file.read_text().splitlines()
        lines[0] = lines[0].split(",")[0] + ",+"
        file.write_text("\n".join(lines))
    else:
        file = root / ANNOTATIONS[name]
        document = json.loads(file.read_text())
        document["annotation"]["object"][0]["name"] = None
        file.write_text(json.dumps(document))
    scenes, refused = [], []
    for record in open_dataset(name, root, "train").scan():
        (scenes if isinstance(record, Scene) else refused).append(record)
    assert not refused
    assert len(scenes) == len(bench.scenes)
    names = {entity.class_name for scene in scenes for entity in scene.entities}
    assert any(name.startswith("class ") for name in names)
