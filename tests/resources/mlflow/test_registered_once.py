"""A registration that a kill cut short is gone on from: one version, and no files of two."""

import shutil
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from resources.mlflow.champion import READING
from resources.mlflow.logged_models import MODEL_DIGEST, FilesGone
from resources.mlflow.registry import ModelVersion, find_version, register_model
from resources.mlflow.tracking import Tracking
from resources.store import Store

NAME = "unigs-test-joint"


class Killed(BaseException):
    """Ends the process: nobody catches it."""


class Place:
    def __init__(self, base: Path) -> None:
        self.tracking = Tracking(store=Store(root=str(base / "store")))
        self.folder = base / "pipeline"
        self.folder.mkdir()
        (self.folder / "weights.safetensors").write_bytes(b"weights")
        self.run_id = self.tracking.open_run("train", tags={}, parameters={})
        self.tracking.end_run(self.run_id, "FINISHED")

    def register(self, digest: str = "a" * 64) -> ModelVersion:
        tags = {MODEL_DIGEST: digest}
        return register_model(self.tracking, self.run_id, NAME, self.folder, tags, "said")

    def versions(self) -> list[str]:
        found = self.tracking.client().search_model_versions(f"name = '{NAME}'")
        return sorted(str(each.version) for each in found)

    def copies(self) -> list[Path]:
        return list((self.tracking.store.base / "mlartifacts" / "models").iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# What had not been done when the process was killed, and what does it.
CUT = {
    "the files": (MlflowClient, "log_model_artifacts"),
    "the version": (mlflow, "register_model"),
    "its tags": (MlflowClient, "set_model_version_tag"),
    "its description": (MlflowClient, "update_model_version"),
    "the model's description": (MlflowClient, "update_registered_model"),
}


@pytest.mark.parametrize("left", CUT)
def test_a_kill_anywhere_leaves_one_version_after_the_next_try(
    place: Place, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    def killed(*arguments: Any, **options: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(*CUT[left], killed)
        with pytest.raises(Killed):
            place.register()
    made = place.register()
    assert place.versions() == [made.version] == ["1"]
    assert place.copies() == [made.folder.parents[2]]
    assert (made.folder / "weights.safetensors").read_bytes() == b"weights"
    assert made.tags == {MODEL_DIGEST: "a" * 64, "model_id": made.model_id}
    client = place.tracking.client()
    assert client.get_model_version(NAME, "1").description == "said"
    assert client.get_registered_model(NAME).description == READING
    run = client.get_run(place.run_id)
    assert run.info.status == "FINISHED"


def test_another_model_of_the_run_is_another_version(place: Place) -> None:
    first, second = place.register(), place.register("b" * 64)
    assert place.versions() == ["1", "2"]
    assert place.register() == first
    assert place.register("b" * 64) == second


def test_a_version_whose_files_are_gone_is_registered_again(place: Place) -> None:
    first = place.register()
    shutil.rmtree(first.folder.parents[2])
    with pytest.raises(FilesGone, match=rf"the files of {NAME}/1 are gone \(put them back"):
        find_version(place.tracking, NAME, "1")
    second = place.register()
    assert second.version == "2"
    assert (second.folder / "weights.safetensors").is_file()
