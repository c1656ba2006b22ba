"""Which folders a store can be."""

from pathlib import Path

import pytest

from resources.store import Store
from unigs.errors import ConfigError


@pytest.mark.parametrize("name", ["what?", "a%20b", "?", "x%3Fy", "deep?er/store"])
def test_a_name_that_databases_read_otherwise_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(ConfigError, match=r"cannot be used.*--store DIR"):
        Store(root=str(tmp_path / name)).folder("data")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a b", "50%", "a#b", "\u00fc\u4e2d", "it's;=&"])
def test_other_names_are_as_good_as_any(tmp_path: Path, name: str) -> None:
    assert Store(root=str(tmp_path / name)).folder("data") == tmp_path / name / "data"


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    with pytest.raises(ConfigError, match="store cannot be written"):
        Store(root=str(tmp_path / "store")).folder("data")
