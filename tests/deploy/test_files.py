"""What deploy/ says is consistent: with the packages, the code and itself. Nothing is started."""

import configparser
import importlib.util
import re
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.build import build_resources
from resources.mlflow.links import DAGSTER_VARIABLE, MLFLOW_VARIABLE
from tests.support.servers.compose import FILE, ROOT, environment, services, variables
from unigs import __version__

DEPLOY = ROOT / "deploy"
CHART, MLFLOW = DEPLOY / "kubernetes" / "dagster.yaml", DEPLOY / "kubernetes" / "mlflow.yaml"
SETTINGS = {
    name: value
    for line in (DEPLOY / ".env.example").read_text().splitlines()
    if line and not line.startswith("#")
    for name, _, value in [line.partition("=")]
}
# What images and libraries that we do not write read, by where it is documented.
DOCUMENTED = {
    # hub.docker.com/_/postgres
    "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD",
    # postgresql.org/docs/15/libpq-envars.html
    "PGHOST", "PGUSER", "PGPASSWORD",
    # github.com/versity/versitygw, cmd/versitygw/main.go
    "ROOT_ACCESS_KEY", "ROOT_SECRET_KEY", "VGW_HEALTH",
    # github.com/krallin/tini, which is Docker's init
    "TINI_KILL_PROCESS_GROUP",
    # botocore
    "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION",
    "DAGSTER_HOME",
}  # fmt: skip


def deployments() -> list[dict[str, Any]]:
    chart = yaml.safe_load(CHART.read_text())
    return chart["dagster-user-deployments"]["deployments"]


def container() -> dict[str, Any]:
    """MLflow's on Kubernetes."""
    deployment, _ = yaml.safe_load_all(MLFLOW.read_text())
    return deployment["spec"]["template"]["spec"]["containers"][0]


def images() -> Iterator[str]:
    for service in services().values():
        yield service["image"]
    for line in (DEPLOY / "Dockerfile").read_text().splitlines():
        if line.startswith("FROM "):
            yield line.split()[1]
    yield container()["image"]
    chart = yaml.safe_load(CHART.read_text())
    for part in (chart["dagsterWebserver"], chart["dagsterDaemon"], *deployments()):
        yield f"{part['image']['repository']}:{part['image']['tag']}"


def named() -> set[str]:
    """Every variable that something in deploy/ sets."""
    found = {name for service in services().values() for name in service["environment"]}
    for entry in (*container()["env"], *(e for one in deployments() for e in one["env"])):
        found.add(entry["name"])
    return found


def test_images_are_pinned_and_of_this_version() -> None:
    for image in images():
        name, _, tag = image.rpartition(":")
        assert re.match(r"v?\d+\.\d+", tag), image
        if name.endswith("unigs-server"):
            assert tag == __version__
    lock = (ROOT / "requirements.lock").read_text()
    chart = yaml.safe_load(CHART.read_text())
    for part in ("dagsterWebserver", "dagsterDaemon"):
        assert f"dagster=={chart[part]['image']['tag']}\n" in lock


def test_every_variable_is_read_by_somebody() -> None:
    # importing it takes seconds
    mlflow = importlib.util.find_spec("mlflow")
    if mlflow is None or mlflow.origin is None:
        pytest.skip("needs mlflow")
    read = set(DOCUMENTED)
    folders = (ROOT / "unigs", ROOT / "assets_defs", ROOT / "resources", ROOT / "pipelines")
    ours = [file for folder in folders for file in folder.rglob("*.py")]
    client = Path(mlflow.origin).parent
    theirs = [client / "environment_variables.py", client / "cli" / "__init__.py"]
    for file in (*ours, *theirs, DEPLOY / "setup.py"):
        read |= set(re.findall(r"\"([A-Z][A-Z0-9]*_[A-Z0-9_]+)\"", file.read_text()))
    assert named() - read == set()
    assert {DAGSTER_VARIABLE, MLFLOW_VARIABLE} <= named()


def test_dot_env_and_compose_name_the_same() -> None:
    assert variables(yaml.safe_load(FILE.read_text())) == set(SETTINGS)


@pytest.mark.parametrize("missing", sorted(n for n, v in SETTINGS.items() if "change-me" in v))
def test_nothing_starts_without_a_secret(missing: str) -> None:
    given = {**SETTINGS, missing: ""}
    refused = []
    for name in services():
        try:
            environment(name, given, {})
        except ValueError:
            refused.append(name)
    assert refused


def test_no_secret_stands_in_a_file() -> None:
    """Each variable that holds one takes it from .env, or on Kubernetes from a secret."""
    secret = re.compile("PASSWORD|SECRET|ACCESS_KEY")
    for service in services().values():
        for name, value in service["environment"].items():
            if secret.search(name):
                assert str(value).startswith("${"), name
    for entry in (*container()["env"], *(e for one in deployments() for e in one["env"])):
        if secret.search(entry["name"]):
            assert "secretKeyRef" in entry["valueFrom"], entry


def test_ports_are_open_to_this_machine_alone() -> None:
    published = [port for service in services().values() for port in service.get("ports", [])]
    assert len(published) == 2
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_commands_exist() -> None:
    """Of our own image: each first word is a program of the environment."""
    programs = Path(sys.executable).parent
    commands = [s["command"] for s in services().values() if s["image"].startswith("unigs-server")]
    for command in (*commands, container()["command"]):
        if command[0] == "python":
            assert (ROOT / command[1]).is_file()
            continue
        found = (programs / command[0]).is_file() or shutil.which(command[0])
        assert found, command[0]


@pytest.mark.slow
@pytest.mark.parametrize("service", ["code", "webserver", "daemon"])
def test_commands_take_their_options(
    service: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """MLflow's is run by test_many_users.py."""
    command = services()[service]["command"]
    until = next(place for place, word in enumerate(command) if word.startswith("--"))
    (program,) = metadata.entry_points(group="console_scripts", name=command[0])
    monkeypatch.setattr(sys, "argv", [*command[:until], "--help"])
    with pytest.raises(SystemExit, match="0"):
        program.load()()
    said = capsys.readouterr().out
    assert {word for word in command if word.startswith("--")} <= set(re.findall(r"--[\w-]+", said))


def test_dagster_yaml_is_the_packages_with_other_records() -> None:
    ours = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    storage = ours.pop("storage")
    assert ours == yaml.safe_load((ROOT / "pipelines" / "dagster.yaml").read_text())
    # everything of the connection comes from the environment
    assert storage == {"postgres": {"postgres_url": "postgresql+psycopg2:///dagster"}}


def test_the_chart_says_what_dagster_yaml_says() -> None:
    chart = yaml.safe_load(CHART.read_text())
    ours = yaml.safe_load((ROOT / "pipelines" / "dagster.yaml").read_text())
    monitoring = chart["dagsterDaemon"]["runMonitoring"]
    assert {_snake(key): value for key, value in monitoring.items()} == ours["run_monitoring"]
    limits = chart["concurrency"]
    pools = {_snake(key): value for key, value in limits["pools"].items()}
    assert pools == ours["concurrency"]["pools"]
    runs = {_snake(key): value for key, value in limits["runs"].items()}
    assert runs == ours["concurrency"]["runs"]
    for kind in ("sensor", "schedule"):
        purged = chart["retention"][kind]["purgeAfterDays"]
        assert purged == ours["retention"][kind]["purge_after_days"]


def _snake(name: str) -> str:
    return re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name)


def test_mlflow_has_the_same_settings_on_kubernetes() -> None:
    there = {entry["name"]: entry.get("value") for entry in container()["env"]}
    here = services()["mlflow"]["environment"]
    assert container()["command"] == services()["mlflow"]["command"]
    assert {n: v for n, v in there.items() if v} == {n: here[n] for n, v in there.items() if v}


def test_workspace_finds_the_code_location() -> None:
    (server,) = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"]
    entry = server["grpc_server"]
    command = services()[entry["host"]]["command"]
    assert command[command.index("--port") + 1] == f"{entry['port']}"
    assert command[command.index("--location-name") + 1] == entry["location_name"]


def test_the_image_holds_what_it_copies() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    for line in (DEPLOY / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY "):
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists()
                assert f"!{source}" in ignored
    assert "deploy/.env" in ignored
    assert "deploy/.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_accounts_are_in_the_database_and_nobody_writes_by_default() -> None:
    parser = configparser.ConfigParser()
    parser.read(DEPLOY / "mlflow_auth.ini")
    told = dict(parser["mlflow"])
    assert "admin_password" not in told
    assert told["default_permission"] == "READ"
    assert told["database_uri"] == services()["mlflow"]["environment"]["MLFLOW_BACKEND_STORE_URI"]


def test_the_code_location_takes_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment("code", SETTINGS, {}).items():
        monkeypatch.setenv(name, value)
    found = build_resources({})
    assert found["settings"].dataset == SETTINGS["UNIGS_DATASET"]
    assert found["tracking"].uri == ""
