"""MLflow's server is killed in the middle of a training, which goes on: what it could not take is
delivered when it is there again, and the weights are those of a run that nobody disturbed."""

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from assets_defs.cache.records import build_record
from assets_defs.run.folders import Folders
from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.e2e.kills.command import has_checkpoint, looks, training
from tests.support.runs.run_assets import materialise
from tests.support.servers.mlflow_server import MlflowServer, free_address

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlflowServer]:
    server = MlflowServer(tmp_path, free_address())
    yield server
    server.kill()


def built(store: Store, settings: GraphSettings, tracking: Tracking, *names: str) -> bool:
    own = {"tracking": tracking}
    return materialise(store, settings, names, resources=own, may_fail=True).success


@pytest.fixture
def untrained_store(store: Path) -> Iterator[Path]:
    """The store without the weights and the model, which come back."""
    base, aside = store / "shapes-smoke", store / "aside"
    aside.mkdir()
    for name in ("weights", "models"):
        (base / name / "joint").rename(aside / name)
    yield store
    for name in ("weights", "models"):
        shutil.rmtree(base / name / "joint")
        (aside / name).rename(base / name / "joint")
    aside.rmdir()


def test_the_training_goes_on_and_its_numbers_arrive(
    untrained_store: Path, smoke: Path, server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    place, settings = Store(root=str(untrained_store)), GraphSettings(preset=str(smoke))
    tracking = Tracking(store=place, uri=server.address)
    folders = Folders.of(place, settings)
    weights = folders.weights("joint")
    undisturbed = build_record(untrained_store / "aside" / "weights")["digest"]
    before = {child.pid for child in psutil.Process().children()}

    ready = has_checkpoint(weights)
    killed: list[int] = []

    def kill() -> None:
        me = psutil.Process()
        for _ in looks():
            trained = training(me.children(recursive=True)) if ready() else None
            if trained is not None:
                trained.suspend()
                server.kill()
                killed.append(trained.pid)
                trained.resume()
                return

    killer = threading.Thread(target=kill)
    killer.start()
    succeeded = built(place, settings, tracking, "joint_weights")
    killer.join()
    assert killed
    assert succeeded
    record = build_record(weights)
    assert record["digest"] == undisturbed
    run_id = record["metadata"]["mlflow_run_id"]
    waiting = [json.loads(line) for line in tracking.spool().file(run_id).read_text().splitlines()]
    assert waiting[-1]["kind"] == "end"
    assert {entry["kind"] for entry in waiting} == {"metrics", "picture", "end"}

    server.start()
    # the next that goes to MLflow brings it
    assert built(place, settings, tracking, "joint_model")
    client = tracking.client()
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.info.end_time == waiting[-1]["time"]
    steps = [metric.step for metric in client.get_metric_history(run_id, "loss")]
    assert steps == sorted(set(steps))
    assert steps[-1] == settings.values.training.steps
    assert [file.path for file in client.list_artifacts(run_id, "images")]
    assert not tracking.spool().file(run_id).exists()
    assert {child.pid for child in psutil.Process().children()} <= {server.process.pid, *before}
