"""MLflow that is down for a while: nothing stops, nothing is lost, nothing arrives twice."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE
from PIL import Image

from resources.mlflow.connection import spool as spool_module
from resources.mlflow.connection.outage import is_outage
from resources.mlflow.connection.spool import END, METRICS, Entry, Outbox, Spool
from resources.mlflow.tracking import Tracking
from resources.store import Store
from tests.support.servers.mlflow_server import MlflowServer, free_address

RUN = "0123"


class Server:
    """Takes entries, or is down."""

    def __init__(self) -> None:
        self.down = False
        self.taken: list[Entry] = []
        self.calls = 0

    def __call__(self, run_id: str, entries: list[Entry]) -> None:
        self.calls += 1
        if self.down:
            raise MlflowException("database is locked", TEMPORARILY_UNAVAILABLE)
        if any("bad" in entry.get("metrics", {}) for entry in entries):
            raise MlflowException("no such name", INVALID_PARAMETER_VALUE)
        self.taken += entries

    def steps(self) -> list[int]:
        return [entry["step"] for entry in self.taken if entry["kind"] == METRICS]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(spool_module, "_FIRST_WAIT_SECONDS", 0.0)
    return Server()


@pytest.fixture
def spool(tmp_path: Path, server: Server) -> Spool:
    return Spool(tmp_path / "undelivered", server)


def test_what_is_logged_while_it_is_down_arrives_in_order_and_once(
    spool: Spool, server: Server
) -> None:
    said: list[str] = []
    outbox = Outbox(spool, server, RUN, said.append)
    for step in range(12):
        server.down = 3 <= step < 8
        outbox.metrics(step, {"loss": 1.0 / (step + 1)})
    outbox.close()
    assert server.steps() == list(range(12))
    assert len(said) == 2
    assert "does not answer (database is locked)" in said[0]
    assert str(spool.file(RUN)) in said[0]
    assert "6 entries" in said[1]
    assert not spool.file(RUN).exists()


def test_what_is_left_at_the_end_is_delivered_by_the_next_one(
    spool: Spool, server: Server, tmp_path: Path
) -> None:
    server.down = True
    outbox = Outbox(spool, server, RUN, lambda text: None)
    outbox.metrics(1, {"loss": float("nan")})
    picture = tmp_path / "preview.png"
    picture.write_bytes(b"a picture")
    outbox.picture("preview", picture)
    outbox.close()
    picture.unlink()
    before = [json.loads(line) for line in spool.file(RUN).read_text().splitlines()]
    server.down = False
    arrived: list[bytes] = []

    def send(run_id: str, entries: list[Entry]) -> None:
        server(run_id, entries)
        arrived.extend(Path(entry["file"]).read_bytes() for entry in entries if "file" in entry)

    assert Spool(spool.folder, send).deliver() == 2
    # the time of a number is that of its measurement
    assert server.taken[0]["time"] == before[0]["time"]
    assert arrived == [b"a picture"]
    assert list(spool.folder.glob("[!.]*")) == []


def test_a_server_that_is_away_is_asked_less_and_less(
    spool: Spool, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "_FIRST_WAIT_SECONDS", 60.0)
    server.down = True
    outbox = Outbox(spool, server, RUN, lambda text: None)
    for step in range(50):
        outbox.metrics(step, {"loss": 1.0})
    assert server.calls == 1


def test_a_kill_in_the_middle_of_a_line_loses_that_line_alone(spool: Spool, server: Server) -> None:
    for step in (1, 2):
        spool.put(RUN, {"kind": METRICS, "step": step, "time": 5, "metrics": {"loss": 1.0}})
    with spool.file(RUN).open("ab") as stream:
        stream.write(b'\xff\x00\n{"kind": "metr')
    # by the process that started it, after its end
    spool.put(RUN, {"kind": END, "status": "KILLED", "time": 6})
    spool.deliver()
    assert server.steps() == [1, 2]
    assert server.taken[-1]["status"] == "KILLED"


def test_many_numbers_go_in_few_calls(spool: Spool, server: Server) -> None:
    for step in range(300):
        spool.put(RUN, {"kind": METRICS, "step": step, "time": 5, "metrics": {"a": 1, "b": 2}})
    spool.put(RUN, {"kind": END, "status": "FINISHED", "time": 6})
    spool.deliver()
    assert server.steps() == list(range(300))
    assert (server.calls, server.taken[-1]["kind"]) == (2, END)


def test_what_is_refused_for_good_does_not_stand_in_the_way(spool: Spool, server: Server) -> None:
    for step, name in ((1, "loss"), (2, "bad")):
        spool.put(f"run{step}", {"kind": METRICS, "step": step, "time": 5, "metrics": {name: 1}})
    spool.deliver()
    assert server.steps() == [1]
    assert (spool.folder / "run2.refused.jsonl").is_file()
    assert spool.deliver() == 0


def test_what_follows_a_refused_entry_arrives_and_the_run_ends(
    spool: Spool, server: Server
) -> None:
    for step, name in enumerate(["bad"] + ["loss"] * 1200):  # more than go in one call
        spool.put(RUN, {"kind": METRICS, "step": step, "time": 5, "metrics": {name: 1}})
    spool.put(RUN, {"kind": END, "status": "FINISHED", "time": 6})
    spool.deliver()
    assert server.taken[-1]["kind"] == END
    assert server.steps()[-1] == 1200
    assert (spool.folder / f"{RUN}.refused.jsonl").is_file()
    assert not spool.file(RUN).exists()


def test_a_wrong_name_is_no_outage(spool: Spool, server: Server) -> None:
    outbox = Outbox(spool, server, RUN, lambda text: None)
    with pytest.raises(MlflowException, match="no such name"):
        outbox.metrics(1, {"bad": 1.0})


def test_the_records_of_a_store_take_the_same_number_once(tmp_path: Path) -> None:
    """Delivered again after a kill between sending and removing."""
    tracking = Tracking(store=Store(root=str(tmp_path)))
    run_id = tracking.open_run("train", tags={}, parameters={})
    for _ in range(2):
        for step in (1, 2):
            entry = {"kind": METRICS, "step": step, "time": step, "metrics": {"loss": 0.5}}
            tracking.spool().put(run_id, entry)
        tracking.spool().put(run_id, {"kind": END, "status": "FINISHED", "time": 7})
        assert tracking.spool().deliver() == 3
    client = tracking.client()
    assert [m.step for m in client.get_metric_history(run_id, "loss")] == [1, 2]
    info = client.get_run(run_id).info
    assert (info.status, info.end_time) == ("FINISHED", 7)


@pytest.fixture
def address() -> str:
    return free_address()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")


def test_the_end_of_a_run_is_tried_once_and_not_for_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str | None] = []

    def send(*arguments: object) -> None:
        tries.append(os.environ.get("MLFLOW_HTTP_REQUEST_MAX_RETRIES"))
        raise MlflowException("away", TEMPORARILY_UNAVAILABLE)

    monkeypatch.setattr(Tracking, "_send", send)
    Tracking(store=Store(root=str(tmp_path))).end_run(RUN, "FINISHED")
    assert tries == ["0"]


@pytest.mark.usefixtures("impatient")
def test_a_run_ends_though_no_server_is_there(tmp_path: Path, address: str) -> None:
    tracking = Tracking(store=Store(root=str(tmp_path)), uri=address)
    tracking.end_run(RUN, "FINISHED")
    (entry,) = tracking.spool().file(RUN).read_text().splitlines()
    assert json.loads(entry)["status"] == "FINISHED"
    with pytest.raises(MlflowException) as caught:
        tracking.client()
    assert is_outage(caught.value)


@pytest.fixture
def mlflow_server(tmp_path: Path, address: str) -> Iterator[MlflowServer]:
    server = MlflowServer(tmp_path, address)
    yield server
    server.kill()


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_server_that_is_killed_and_started_again(
    tmp_path: Path, mlflow_server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "_FIRST_WAIT_SECONDS", 0.0)
    said: list[str] = []
    tracking = Tracking(store=Store(root=str(tmp_path / "store")), uri=mlflow_server.address)
    run_id = tracking.open_run("train", tags={}, parameters={})
    outbox = tracking.outbox(run_id, said.append)
    picture = tmp_path / "preview.png"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(picture)
    outbox.metrics(1, {"loss": 3.0})
    mlflow_server.kill()
    outbox.metrics(2, {"loss": 2.0})
    outbox.picture("preview", picture)
    outbox.close()
    mlflow_server.start()
    outbox.metrics(3, {"loss": 1.0})
    tracking.end_run(run_id, "FINISHED")
    client = tracking.client()
    found = client.get_metric_history(run_id, "loss")
    assert [(m.step, m.value) for m in found] == [(1, 3.0), (2, 2.0), (3, 1.0)]
    assert [f.path for f in client.list_artifacts(run_id, "images")] == ["images/preview.png"]
    assert client.get_run(run_id).info.status == "FINISHED"
    assert len(said) == 2
