import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unigs.datasets import json_stream
from unigs.datasets.json_stream import stream_members
from unigs.errors import DataError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def gathered(path) -> dict:
    """The document put together again from the stream."""
    document: dict = {}
    for name, text, value in stream_members(path):
        assert json.loads(text) == value
        document.setdefault(name, []).append(value)
    return document


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(st.text(), VALUES, max_size=5),
    st.integers(1, 40),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_stream_is_the_document_whatever_the_chunks(
    tmp_path_factory, document, chunk, indent, ascii
):
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_bytes(
        json.dumps(document, indent=indent, ensure_ascii=ascii).encode(errors="replace")
    )
    document = json.loads(path.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "CHUNK", chunk)
        expected = {
            name: value if isinstance(value, list) else [value]
            for name, value in document.items()
            if value != []
        }
        assert gathered(path) == expected


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_every_cut_is_noticed(tmp_path_factory, data):
    text = json.dumps({"a": [1, {"b": "c"}, 2.5], "d": {"e": [True]}, "f": 12345})
    cut = data.draw(st.integers(0, len(text) - 1))
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_text(text[:cut])
    with pytest.raises(DataError, match=r"a\.json: is not the JSON expected"):
        list(stream_members(path))


def test_a_broken_element_is_told_by_its_place_behind_earlier_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(json_stream, "CHUNK", 16)
    path = tmp_path / "a.json"
    path.write_text('{"a": [' + "11, " * 50 + "x]}")
    with pytest.raises(DataError, match=f"character {7 + 4 * 50}"):
        list(stream_members(path))


def test_an_element_without_end_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(json_stream, "CHUNK", 16)
    monkeypatch.setattr(json_stream, "MAX_ELEMENT", 1000)
    path = tmp_path / "a.json"
    path.write_text('{"a": "' + "x" * 100_000)
    with pytest.raises(DataError, match="not the JSON expected"):
        list(stream_members(path))


def test_a_number_of_too_many_digits_is_told_as_that(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"a": [' + "9" * 5000 + "]}")
    with pytest.raises(DataError, match=r"digits.* at character 7"):
        list(stream_members(path))
