import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unigs.datasets.class_names import prompt_name
from unigs.errors import DataError

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


@pytest.mark.parametrize("source", ["", " ", "-merged", "(all)", ",car", "..."])
def test_what_holds_no_word_is_refused(source):
    with pytest.raises(DataError, match="holds no word"):
        prompt_name(source)
