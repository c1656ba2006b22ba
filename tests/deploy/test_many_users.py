"""Dagster and MLflow on PostgreSQL, with accounts, shards and models on S3: deploy/compose.yaml
without its containers. The servers are Debian's PostgreSQL and moto's S3."""

import json
import os
import runpy
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.runner.home import prepare_home
from resources.mlflow.connection.access import AccessRefused, clear_errors
from resources.mlflow.registry import find_version
from resources.mlflow.tracking import Tracking
from resources.store import Store
from tests.e2e.command import TASKS, write_preset
from tests.support.servers.compose import ROOT, environment, services
from tests.support.servers.ports import free_port
from tests.support.servers.postgres import Postgres, postgres, wait_for
from unigs.errors import TransientError
from unigs.io.files import sha256_of

pytestmark = pytest.mark.slow

SECRETS = {
    name: f"canary-{name.lower().replace('_', '-')}-7d41"
    for name in (
        "POSTGRES_PASSWORD", "S3_SECRET_KEY", "MLFLOW_ADMIN_PASSWORD", "MLFLOW_GRAPH_PASSWORD",
        "MLFLOW_SECRET_KEY",
    )
}  # fmt: skip
READER = ("reader", "canary-of-a-reader-7d41")
ASSETS = (
    "raw", "scenes_index_train", "scenes_index_val", "quarantine_report", "shards", "autoencoder",
    "text_encoder", "latents", "shard_manifest", "scene_statistics", "entity_weights",
    "entity_model",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Installation:
    """The servers, and what their environment is."""

    records: Postgres
    files: str
    store: Path
    logs: Path
    elsewhere: Mapping[str, str]

    def environment(self, service: str) -> dict[str, str]:
        given = {**SECRETS, "S3_ACCESS_KEY": "unigs"}
        found = environment(service, given, self.elsewhere)
        port = {"PGPORT": self.records.environment["PGPORT"]}
        found = {**found, **port, "PGHOST": "127.0.0.1", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
        return {**os.environ, **found, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    def run(self, service: str, *command: str, **changes: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *command], env={**self.environment(service), **changes},
            capture_output=True, text=True, cwd=self.logs,
        )  # fmt: skip
        with (self.logs / "commands.log").open("a") as log:
            log.write(done.stdout + done.stderr)
        return done


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Everything up, as after `docker compose up`."""
    for package in ("dagster_postgres", "flask_wtf", "psycopg2"):
        pytest.importorskip(package, reason=f"needs {package} of the extra server")
    moto = pytest.importorskip("moto.server", reason="needs moto")
    pytest.importorskip("s3fs", reason="needs s3fs")
    logs, store = tmp_path_factory.mktemp("logs"), tmp_path_factory.mktemp("store")
    s3 = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    s3.start()
    host, port = s3.get_host_and_port()
    mlflow_port = free_port()
    elsewhere = {
        "http://s3:7070": f"http://{host}:{port}",
        "http://mlflow:5000": f"http://127.0.0.1:{mlflow_port}",
        "127.0.0.1:5000": f"127.0.0.1:{mlflow_port}",
        "/opt/unigs": str(ROOT),
        "/store": str(store),
        "s3://unigs" + str(store): "s3://unigs/store",
    }
    with postgres("unigs", SECRETS["POSTGRES_PASSWORD"]) as records:
        records.sql("CREATE DATABASE dagster")
        records.sql((ROOT / "deploy" / "databases.sql").read_text())
        made = Installation(records, f"http://{host}:{port}", store, logs, elsewhere)
        command = [*services()["mlflow"]["command"]]
        command[command.index("--port") + 1] = f"{mlflow_port}"
        command[command.index("--host") + 1] = "127.0.0.1"
        with (logs / "mlflow.log").open("w") as log:
            server = subprocess.Popen(
                [sys.executable, "-m", *command], env=made.environment("mlflow"), stdout=log,
                stderr=log, start_new_session=True, cwd=logs,
            )  # fmt: skip
        try:
            wait_for(mlflow_port, server, logs / "mlflow.log")
            ready = made.run("setup", str(ROOT / "deploy" / "setup.py"))
            assert ready.returncode == 0, ready.stderr + (logs / "mlflow.log").read_text()[-3000:]
            yield made
        finally:
            os.killpg(server.pid, 15)
            server.wait()
            s3.stop()


@pytest.fixture(scope="module")
def built(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """After a run of the graph on one task, from scenes to a registered model."""
    preset = write_preset(
        tmp_path_factory.mktemp("preset") / "few.yaml",
        {"processes": 1, "steps": 2, "validate_every": 2},
        train_scenes=8, val_scenes=4, samples_per_shard=4,
    )  # fmt: skip
    settings = json.dumps({"preset": str(preset), "workers": 1})
    done = installation.run(
        "code", "-m", "tests.support.runs.graph_run", str(installation.store), settings,
        ",".join(TASKS), *ASSETS, UNIGS_TEST_RECORDED="1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return installation


@pytest.fixture
def as_graph(built: Installation, monkeypatch: pytest.MonkeyPatch) -> Tracking:
    """The records as the code location asks for them."""
    for name, value in built.environment("code").items():
        monkeypatch.setenv(name, value)
    return Tracking(store=Store())


def test_setup_may_run_at_each_start(built: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in built.environment("setup").items():
        monkeypatch.setenv(name, value)
    before = built.records.sql("SELECT count(*) FROM users", "mlflow")
    assert runpy.run_path(str(ROOT / "deploy" / "setup.py"))["main"]([]) == 0
    assert built.records.sql("SELECT count(*) FROM users", "mlflow") == before


def test_dagsters_runs_and_events_are_in_postgresql(built: Installation) -> None:
    assert built.records.sql("SELECT status FROM runs", "dagster") == "SUCCESS"
    query = "SELECT DISTINCT asset_key FROM event_logs WHERE dagster_event_type = '{}'"
    found = built.records.sql(query.format("ASSET_MATERIALIZATION"), "dagster")
    assert {f'["shapes-few", "{name}"]' for name in ASSETS} == set(found.splitlines())
    assert not list(built.store.rglob("*.db"))


def test_mlflows_runs_are_in_postgresql_and_its_files_on_s3(
    built: Installation, as_graph: Tracking
) -> None:
    runs = built.records.sql("SELECT name, status FROM runs", "mlflow")
    assert runs == "train entity shapes-few|FINISHED"
    steps = built.records.sql("SELECT DISTINCT step FROM metrics WHERE key = 'loss'", "mlflow")
    assert {"1", "2"} & set(steps.splitlines())
    assert not (built.store / "mlartifacts").exists()
    import fsspec

    files = fsspec.filesystem("s3", skip_instance_cache=True)
    on_s3 = files.find("unigs")
    assert any(name.startswith("unigs/store/shapes-few/shards/train/entity/") for name in on_s3)
    weights = [name for name in on_s3 if name.endswith("unet/diffusion_pytorch_model.safetensors")]
    assert any(name.startswith("unigs/mlflow/") for name in weights)

    # fetched from there once, and whole
    version = find_version(as_graph, "unigs-shapes-few-entity", "1")
    file = next(version.folder.rglob("diffusion_pytorch_model.safetensors"))
    assert file.is_relative_to(built.store / "registered")
    again = find_version(as_graph, "unigs-shapes-few-entity", "1")
    assert again.folder == version.folder
    built_here = built.store / "shapes-few" / "models" / "entity"
    same = built_here.rglob(file.name)
    assert sha256_of(file) in {sha256_of(one) for one in same}


def test_a_wrong_password_is_one_line_before_the_run_begins(built: Installation) -> None:
    before = built.records.sql("SELECT count(*) FROM runs", "dagster")
    done = built.run(
        "code", "-m", "pipelines.run", "--job", "data_only", "--quiet",
        MLFLOW_TRACKING_PASSWORD="canary-that-is-wrong-7d41",
    )  # fmt: skip
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith("unigs run: MLflow does not take the user name and password (401)")
    assert "MLFLOW_TRACKING_PASSWORD" in line
    assert built.records.sql("SELECT count(*) FROM runs", "dagster") == before


def test_postgresql_that_refuses_is_one_line(
    as_graph: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "canary-that-is-wrong-7d41")
    with pytest.raises(TransientError, match="password authentication failed") as caught:
        prepare_home(as_graph.store)
    assert "PGPASSWORD" in f"{caught.value}"
    assert "canary-" not in f"{caught.value}"


def test_who_may_read_may_not_write(
    built: Installation, as_graph: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.server.auth.client import AuthServiceClient

    name, password = READER
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRETS["MLFLOW_ADMIN_PASSWORD"])
    AuthServiceClient(as_graph.tracking_uri).create_user(name, password)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", name)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
    experiment = as_graph.client().get_experiment_by_name("unigs")
    assert experiment is not None
    assert len(as_graph.client().search_runs([experiment.experiment_id])) == 1
    with pytest.raises(AccessRefused, match=r"does not let reader do this \(403\)"), clear_errors():
        as_graph.open_run("mine", tags={}, parameters={})


@pytest.mark.parametrize(("host", "status"), [("mlflow:5000", 401), ("elsewhere:5000", 403)])
def test_mlflow_answers_to_its_own_names_alone(built: Installation, host: str, status: int) -> None:
    address = built.elsewhere["http://mlflow:5000"]
    request = urllib.request.Request(f"{address}/api/2.0/mlflow/experiments/search?max_results=1")
    request.add_header("Host", host)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == status


@pytest.mark.parametrize("name", ["dagster", "mlflow"])
def test_a_dump_is_restored(built: Installation, tmp_path: Path, name: str) -> None:
    """With the options of docs/deploy.md; twice, as into tables that are there."""
    records, file, other = built.records, tmp_path / "all.dump", f"restored_{name}"
    records.program("pg_dump", "--format", "custom", "--file", file, name)
    records.sql(f"CREATE DATABASE {other}")
    for _ in range(2):
        records.program("pg_restore", "--clean", "--if-exists", "--dbname", other, file)
    everything = "SELECT * FROM runs"
    assert records.sql(everything, other) == records.sql(everything, name) != ""


def test_no_secret_is_in_records_logs_or_files(built: Installation, as_graph: Tracking) -> None:
    """The last, after all that could have told one."""
    import fsspec

    files = fsspec.filesystem("s3", skip_instance_cache=True)
    contents = {"database": built.records.program("pg_dumpall").encode()}
    contents["postgres.log"] = built.records.log.read_bytes()
    contents |= {name: files.cat_file(name) for name in files.find("unigs")}
    for folder in (built.logs, built.store):
        contents |= {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert len(contents) > 50
    assert b"SCRAM-SHA-256" in contents["database"]
    assert [name for name, content in contents.items() if b"canary-" in content] == []
