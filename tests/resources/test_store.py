"""Which folders a store can be."""

from pathlib import Path

import pytest

from pipelines.runner.home import prepare_home
from resources.store import Store
from unigs.errors import ConfigError


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DAGSTER_HOME", "UNIGS_STORE"):
        monkeypatch.setenv(variable, "")


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


def test_a_store_that_went_away_is_not_begun_anew(tmp_path: Path) -> None:
    store = Store(root=str(tmp_path / "store"))
    prepare_home(store)
    assert store.folder("data").is_dir()
    store.base.rename(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=r"store is gone.*\(is its disk mounted\?\)"):
        store.folder("data")
    assert not store.base.exists()
    # a process that begins now may make one
    prepare_home(store)
    assert store.folder("data").is_dir()
