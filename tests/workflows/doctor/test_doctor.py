"""Every kind of fault is found, and a healthy machine and store have none."""

import json
import socket
import sqlite3
import threading
from http.server import HTTPServer, SimpleHTTPRequestHandler
from importlib import metadata
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from unigs.cli.operate.doctor import doctor
from unigs.io import machine as machines
from unigs.workflows.doctor import machine, packages, services
from unigs.workflows.doctor.finding import State
from unigs.workflows.doctor.machine import machine_findings
from unigs.workflows.doctor.packages import package_findings
from unigs.workflows.doctor.store import store_findings
from unigs.workflows.doctor.weights import weight_findings


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """One built folder and a database."""
    folder = tmp_path / "store" / "shapes-tiny" / "models" / "joint"
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(b"0")
    (folder / "kept.json").write_text(json.dumps({"files": {"weights.safetensors": "x"}}))
    with sqlite3.connect(tmp_path / "store" / "mlflow.db") as connection:
        connection.execute("CREATE TABLE runs (name TEXT)")
    return tmp_path / "store"


def states(findings) -> set[State]:
    return {one.state for one in findings}


def test_a_healthy_store(store: Path) -> None:
    found = list(store_findings(store))
    assert states(found) == {State.OK}
    assert "1 folders as their records say" in found[0].hint
    assert "whole" in found[-1].hint


def test_no_store_is_no_fault(tmp_path: Path) -> None:
    (found,) = store_findings(tmp_path / "none")
    assert found.state is State.OK


def test_a_lost_file_a_broken_record_and_an_interrupted_build(store: Path) -> None:
    folder = store / "shapes-tiny" / "models" / "joint"
    (folder / "weights.safetensors").unlink()
    assert "lost weights.safetensors" in next(store_findings(store)).hint
    (folder / "kept.json").write_text("{")
    assert "no record" in next(store_findings(store)).hint
    (store / "shapes-tiny" / "weights" / ".joint.building").mkdir(parents=True)
    warnings = [one for one in store_findings(store) if one.state is State.WARNING]
    assert [one.hint for one in warnings] == [
        "1 builds were interrupted (shapes-tiny/weights/.joint.building): the next run resumes or "
        "replaces them"
    ]


def test_a_damaged_database(store: Path) -> None:
    (store / "mlflow.db").write_bytes(b"SQLite format 3\x00" + b"\x01" * 4000)
    found = [one for one in store_findings(store) if one.what == "database"]
    assert states(found) == {State.FAULT}


def test_missing_and_old_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        metadata,
        "requires",
        lambda name: ["numpy>=1", "numpy>=999", "nowhere>=1", "gone>=1; extra == 'demo'"],
    )
    found = list(package_findings())
    faults = [one.hint for one in found if one.state is State.FAULT]
    assert len(faults) == 2
    assert faults[0].endswith("is not >=999")
    assert faults[1] == "nowhere is missing"
    (demo,) = [one for one in found if one.what == "extra demo"]
    assert demo.state is State.WARNING
    assert "pip install 'unigs[demo]'" in demo.hint
    assert set(packages.EXTRAS) <= {one.what.removeprefix("extra ") for one in found}


def test_an_unknown_distribution() -> None:
    found = list(package_findings("no-such-distribution"))
    assert found[-1].state is State.WARNING


def test_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    numpy = metadata.version("numpy")
    lock.write_text(f"# made by pip freeze\nNumPy=={numpy}\nnot-installed==1\n")
    assert states(packages.lock_findings(lock)) == {State.OK}
    lock.write_text(f"NumPy=={numpy}+local\npydantic==0.0.1\n")
    (found,) = packages.lock_findings(lock)
    assert found.state is State.WARNING
    assert "1 packages" in found.hint
    assert "(lock: 0.0.1)" in found.hint
    assert list(packages.lock_findings(tmp_path / "none")) == []
    assert packages.LOCK.is_file()


def test_services_answer_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in services.SERVICES:
        monkeypatch.delenv(name, raising=False)
    (none,) = services.service_findings()
    assert none.state is State.OK
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("UNIGS_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("UNIGS_RAY_ADDRESS", f"http://ada:secret@127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "elsewhere")
    found = {one.what: one for one in services.service_findings()}
    server.shutdown()
    server.server_close()
    assert found["service MLflow"].state is State.OK
    assert found["service Ray"].state is State.FAULT
    assert "UNIGS_RAY_ADDRESS" in found["service Ray"].hint
    assert "secret" not in found["service Ray"].hint
    assert "not asked" in found["service S3"].hint


def test_weights_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    (nothing,) = weight_findings()
    assert "cache: none" in nothing.hint
    assert "taesd" in nothing.hint.partition("unigs fetch")[2]
    place = tmp_path / "models--madebyollin--taesd"
    (place / "snapshots" / "abc").mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    (place / "snapshots" / "abc" / "config.json").write_text("{}")
    (found,) = weight_findings()
    assert "cache: taesd" in found.hint


def test_a_slow_processor_and_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import torch

    slow = machines.Machine("cpu", torch.float32, False, torch.channels_last, 5e9, 1e8)
    monkeypatch.setattr(machine, "machine", lambda device: slow)
    monkeypatch.setattr(machine, "LEAST_DISK", 1e30)
    found = {one.what: one for one in machine_findings(tmp_path / "none")}
    assert found["processor"].state is State.WARNING
    assert "hours" in found["processor"].hint
    assert found["disk"].state is State.WARNING


def test_the_command(store: Path) -> None:
    alone = typer.Typer()
    alone.command()(doctor)
    result = CliRunner().invoke(alone, ["--store", str(store), "--json"])
    found = json.loads(result.stdout)["findings"]
    assert {frozenset(one) for one in found} == {frozenset({"what", "state", "hint"})}
    (store / "shapes-tiny" / "models" / "joint" / "weights.safetensors").unlink()
    result = CliRunner().invoke(alone, ["--store", str(store)])
    assert result.exit_code == 1
    assert "fault" in result.stdout
