"""A damaged file of MLflow's records is one line with a way on."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from resources.mlflow.connection.database import require_database
from resources.mlflow.tracking import Tracking
from resources.store import Store
from unigs.errors import DataError


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    file = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE runs (name TEXT)")
        database.executemany("INSERT INTO runs VALUES (?)", [("train" * 200,)] * 50)
    return file


def test_whole_none_and_empty_ones_are_left_to_mlflow(whole: Path, tmp_path: Path) -> None:
    require_database(whole)
    require_database(tmp_path / "none.db")
    (tmp_path / "empty.db").touch()
    require_database(tmp_path / "empty.db")
    with closing(sqlite3.connect(whole, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        require_database(whole)


@pytest.mark.parametrize("damage", ["cut", "junk", "folder"])
def test_damage_is_named_before_mlflow_is_asked(whole: Path, damage: str) -> None:
    data = whole.read_bytes()
    whole.unlink()
    if damage == "folder":
        whole.mkdir()
    else:
        whole.write_bytes(data[: len(data) // 2] if damage == "cut" else b"\xff junk" * 40)
    with pytest.raises(DataError, match=r"mlflow\.db: .*move it away"):
        Tracking(store=Store(root=str(whole.parent))).client()
