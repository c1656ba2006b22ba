"""MLflow's records follow a store that was moved."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resources.mlflow.champion import crown
from resources.mlflow.logged_models import delete_logged
from resources.mlflow.registry import champion, register_model
from resources.mlflow.tracking import DatasetInput, Tracking
from resources.store import Store


def picture(folder: Path) -> Path:
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / "grid.png")
    return folder / "grid.png"


@pytest.mark.parametrize("name", ["moved", "a #b 50%"])
def test_the_registry_and_new_runs_are_where_the_store_is(tmp_path: Path, name: str) -> None:
    old, new = tmp_path / "store", tmp_path / name
    grid = picture(tmp_path)
    before = Tracking(store=Store(root=str(old)))
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights").write_text("w")
    inputs = [
        DatasetInput("scenes", "0" * 64, "training", old / "shapes-tiny" / "scenes"),
        DatasetInput("outside", "1" * 64, "training", tmp_path / "data"),
    ]
    with before.run("training", tags={}, parameters={}, inputs=inputs) as first:
        before.log_images(first, {"grid": grid})
        made = register_model(before, first, "unigs-test", model, {})
        crown(before, made.name, made.version, "gate", "the first")
    old.rename(new)

    after = Tracking(store=Store(root=str(new)))
    client = after.client()
    assert [item.path for item in client.list_artifacts(first, "images")] == ["images/grid.png"]
    best = champion(after, "unigs-test")
    assert best is not None
    assert best.folder.is_relative_to(new)
    assert (best.folder / "weights").read_text() == "w"
    with after.run("training", tags={}, parameters={}) as second:
        after.log_images(second, {"grid": grid})
        newer = register_model(after, second, "unigs-test", model, {})
    assert newer.folder.is_relative_to(new)
    found = client.list_artifacts(second, "images")
    assert [item.path for item in found] == ["images/grid.png"]
    read = [one.dataset.source for one in client.get_run(first).inputs.dataset_inputs]
    places = (new / "shapes-tiny" / "scenes", tmp_path / "data")
    assert sorted(read) == sorted(f'{{"uri": "{place.as_uri()}"}}' for place in places)
    assert not old.exists()


def test_a_copy_of_a_store_and_the_store_do_not_touch_each_other(tmp_path: Path) -> None:
    old, new = tmp_path / "store", tmp_path / "copy"
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights").write_text("w")
    before = Tracking(store=Store(root=str(old)))
    run_id = before.open_run("training", tags={}, parameters={})
    made = register_model(before, run_id, "unigs-test", model, {})
    crown(before, made.name, made.version, "gate", "the first")
    shutil.copytree(old, new)

    after = Tracking(store=Store(root=str(new)))
    copied = champion(after, "unigs-test")
    assert copied is not None
    assert copied.folder.is_relative_to(new)
    crown(after, "unigs-test", register_model(after, run_id, made.name, model, {}).version, "", "")
    delete_logged(after, copied.model_id)
    best = champion(before, "unigs-test")
    assert best is not None
    assert (best.version, best.folder) == ("1", made.folder)
    assert (best.folder / "weights").read_text() == "w"
    assert len(before.client().search_model_versions("name = 'unigs-test'")) == 1


def test_a_folder_whose_name_only_begins_alike_stays(tmp_path: Path) -> None:
    import sqlite3

    from resources.mlflow.relocation import readdress

    database = tmp_path / "mlflow.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE datasets (dataset_source TEXT)")
        sources = [(f'{{"uri": "file:///a/{place}"}}',) for place in ("b/scenes", "bc/scenes")]
        connection.executemany("INSERT INTO datasets VALUES (?)", sources)
        connection.execute("CREATE TABLE runs (artifact_uri TEXT, note TEXT)")
        rows = [("file:///a/b", "file:///a/b"), ("file:///a/bc/d", ""), ("file:///a/b/%_", "")]
        connection.executemany("INSERT INTO runs VALUES (?, ?)", rows)
    readdress(database, "file:///a/b", "file:///x")
    with sqlite3.connect(database) as connection:
        found = connection.execute("SELECT artifact_uri, note FROM runs").fetchall()
        told = connection.execute("SELECT dataset_source FROM datasets").fetchall()
    assert found == [("file:///x", "file:///a/b"), ("file:///a/bc/d", ""), ("file:///x/%_", "")]
    assert told == [('{"uri": "file:///x/scenes"}',), ('{"uri": "file:///a/bc/scenes"}',)]
