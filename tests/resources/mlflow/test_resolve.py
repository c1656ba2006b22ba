"""Addresses of registered models, as the library hands them over."""

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from resources.mlflow import resolve
from resources.mlflow.champion import crown
from resources.mlflow.connection.access import AccessRefused
from resources.mlflow.tracking import Tracking
from resources.store import STORE_VARIABLE, Store
from unigs.errors import TransientError, UnigsError

NAME = "unigs-test-joint"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the second of two versions, the champion, in the default store."""
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store"))
    tracking = Tracking(store=Store())
    client = tracking.client()
    client.create_registered_model(NAME)
    folder = tmp_path / "logged" / "artifacts" / "pipeline"
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    client.create_model_version(NAME, "nowhere")
    client.create_model_version(NAME, (tmp_path / "logged").as_uri())
    crown(tracking, NAME, "2", "promote", "")
    return folder


@pytest.mark.parametrize("address", [f"models:/{NAME}@champion", f"models:/{NAME}/2"])
def test_an_alias_and_a_version_lead_to_the_files(source: Path, address: str) -> None:
    found = resolve.registered_folder(address)
    assert found.name == "pipeline"
    assert (found / "model_index.json").is_file()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("models:/unigs-tst-joint@champion", f"did you mean {NAME}"),
        (f"models:/{NAME}@best", "best"),
        (f"models:/{NAME}/9", "9"),
        (f"models:/{NAME}", "give models:/NAME@champion"),
    ],
)
def test_what_is_not_there_is_told(source: Path, address: str, told: str) -> None:
    with pytest.raises(UnigsError, match=told):
        resolve.registered_folder(address)


@pytest.mark.parametrize("call", ["get_model_version_by_alias", "get_model_version"])
def test_a_server_that_refuses_or_is_away_is_one_line(
    source: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import PERMISSION_DENIED, TEMPORARILY_UNAVAILABLE

    for code, told in (
        (PERMISSION_DENIED, AccessRefused),
        (TEMPORARILY_UNAVAILABLE, TransientError),
    ):

        def fail(self: MlflowClient, *given: str, code: int = code) -> None:
            raise MlflowException("said by the server", error_code=code)

        monkeypatch.setattr(MlflowClient, call, fail)
        with pytest.raises(told):
            resolve.registered_folder(f"models:/{NAME}@champion")


def test_a_store_without_models_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(UnigsError, match="no models there"):
        resolve.registered_folder(f"models:/{NAME}@champion")
    assert not (tmp_path / "none").exists()


def test_the_entry_point_names_it() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    points = project["entry-points"]["unigs.sources"]
    assert EntryPoint("models", points["models"], "unigs.sources").load() is (
        resolve.registered_folder
    )
