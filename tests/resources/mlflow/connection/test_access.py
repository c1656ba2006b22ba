"""An MLflow server that asks who one is: one line for what it refuses, and a training goes on."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dagster as dg
import pytest
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError

from assets_defs.run.step import step_of_run
from pipelines.champion import main as promote
from resources.mlflow import registry
from resources.mlflow.connection import spool as spool_module
from resources.mlflow.connection.access import (
    PASSWORD_VARIABLE,
    USER_VARIABLE,
    AccessRefused,
    clear_errors,
    holds_secret,
    refusal,
)
from resources.mlflow.resolve import registered_folder
from resources.mlflow.tracking import URI_VARIABLE, Tracking
from resources.store import Store
from unigs.errors import ConfigError, TransientError

PASSWORD = "canary-0f3a"
EXPERIMENT = {
    "experiment_id": "1",
    "name": "unigs",
    "tags": [{"key": "mlflow.experimentKind", "value": "custom_model_development"}],
}


class Server(ThreadingHTTPServer):
    """Answers with ``status`` to whatever is asked; with 200 as if it had done it."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked: list[str] = []


class _Answer(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append(f"{self.path} {self.headers.get('Authorization', '')}")
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        known = {200: json.dumps({"experiment": EXPERIMENT}), 403: "Permission denied"}
        body = known.get(self.server.status, "You are not authenticated.").encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", f"{len(body)}")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = _answer

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv(USER_VARIABLE, "graph")
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with Server() as made:
        monkeypatch.setenv(URI_VARIABLE, made.address)
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()


@pytest.fixture
def tracking(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tracking:
    monkeypatch.setenv("UNIGS_STORE", str(tmp_path))
    return Tracking(store=Store())


def test_user_and_password_of_the_environment_reach_the_server(
    tracking: Tracking, server: Server
) -> None:
    assert tracking.on_server
    tracking.check_access()
    assert all("Basic " in asked for asked in server.asked)
    # records and models are the server's: nothing for them is made here
    assert list(tracking.store.base.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, r"does not take the user name and password \(401\)"), (403, r"let graph do this")],
)
def test_a_refusal_is_one_line_with_a_hint(
    tracking: Tracking, server: Server, status: int, said: str
) -> None:
    server.status = status
    with pytest.raises(AccessRefused, match=said) as caught:
        tracking.check_access()
    assert PASSWORD_VARIABLE in f"{caught.value}"
    assert PASSWORD not in f"{caught.value}"


def test_a_server_that_is_away_does_not_stop_the_check(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URI_VARIABLE, "http://127.0.0.1:1")
    tracking.check_access()
    with pytest.raises(TransientError, match="UNIGS_TRACKING_URI"), clear_errors():
        tracking.client()


def test_a_database_that_is_away_is_not_taken_for_the_server_of_mlflow() -> None:
    full = OperationalError("INSERT", None, Exception("database or disk is full"))
    with pytest.raises(TransientError, match="disk is full") as caught, clear_errors():
        raise full
    assert "MLflow" not in f"{caught.value}"


def test_what_the_server_does_not_know_stays_an_error_of_mlflow() -> None:
    with pytest.raises(MlflowException, match="no such"), clear_errors():
        raise MlflowException("no such metric")
    assert refusal(ValueError("401")) is None


@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_commands_say_it_in_one_line(
    tracking: Tracking, server: Server, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.status = 401
    assert promote([command, *(["1"] if command == "promote" else [])]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "(401)" in line
    with pytest.raises(AccessRefused):
        registered_folder("models:/unigs@champion")


def test_a_training_whose_password_was_changed_goes_on(
    tracking: Tracking, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it logs waits, and is delivered once the server takes it again."""
    monkeypatch.setattr(spool_module, "_FIRST_WAIT_SECONDS", 0.0)
    said: list[str] = []
    outbox = tracking.outbox("0123", said.append)
    outbox.metrics(1, {"loss": 3.0})
    server.status = 401
    outbox.metrics(2, {"loss": 2.0})
    tracking.end_run("0123", "FINISHED")
    waiting = tracking.spool().file("0123").read_text()
    assert [json.loads(line)["kind"] for line in waiting.splitlines()] == ["metrics", "end"]
    server.status = 200
    outbox.close()
    assert not tracking.spool().file("0123").exists()
    assert "(401): what is logged waits in" in said[0]
    assert said[1] == "MLflow takes entries again: 2 entries that waited are delivered"


def test_a_step_that_is_refused_is_not_tried_again(tracking: Tracking, server: Server) -> None:
    server.status = 403
    tries = []

    @dg.asset
    @step_of_run
    def refused(context: dg.AssetExecutionContext) -> None:
        tries.append(context.retry_number)
        tracking.client()

    with pytest.raises(AccessRefused, match="403"):
        dg.materialize([refused])
    assert tries == [0]


@pytest.mark.parametrize(
    "address",
    [
        f"http://graph:{PASSWORD}@127.0.0.1:1",
        f"https://{PASSWORD}@127.0.0.1:1",
        f"https://127.0.0.1:1/?access_token={PASSWORD}",
        f"postgresql+psycopg2://u:{PASSWORD}@h/db",
        f"postgresql+psycopg2://u@h/db?password={PASSWORD}",
    ],
)
def test_an_address_with_a_password_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigError, match="holds a password") as caught:
        Tracking(store=Store(root=str(tmp_path)), uri=address).client()
    assert PASSWORD not in f"{caught.value}"


def test_an_address_without_one_is_taken() -> None:
    for address in ("http://127.0.0.1:1", "postgresql+psycopg2://u@h/db?sslmode=require"):
        assert not holds_secret(address)


def test_files_that_do_not_arrive_are_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow says no more of it than that something went wrong."""

    def broken(address: str, dst_path: str) -> str:
        raise MlflowException("several files could not be fetched")

    monkeypatch.setattr("mlflow.artifacts.download_artifacts", broken)
    monkeypatch.setattr(Tracking, "on_server", property(lambda self: True))
    tracking = Tracking(store=Store(root=str(tmp_path)))
    with pytest.raises(TransientError, match=r"m/1 did not arrive: several files"):
        registry._files(tracking, "m", "1", "run")
