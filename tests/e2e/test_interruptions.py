"""Ctrl-C, kill -9 and failures: nothing is left running, and the next run goes on."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from assets_defs.cache.build import building_place
from resources.mlflow.tracking import Tracking
from resources.store import Store
from tests.e2e.command import UNIGS, environment, result_of, unigs, write_preset

pytestmark = pytest.mark.e2e

STEPS = "300"


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a checkpoint every other step, and no validation before the last one."""
    file = tmp_path_factory.mktemp("preset") / "smoke.yaml"
    return write_preset(file, {"validate_every": int(STEPS)})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def start(store: Path, preset: Path, log: Path) -> subprocess.Popen:
    """A run that is in the middle of its training when this returns."""
    with log.open("w") as stream:
        run = subprocess.Popen(
            [str(UNIGS), "run", "--preset", str(preset), "--store", str(store),
             "--train-steps", STEPS],
            stdout=subprocess.DEVNULL, stderr=stream, env=environment(),
        )  # fmt: skip
    end = time.monotonic() + 900
    while f"of {STEPS}: loss" not in log.read_text():
        assert run.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < end
        time.sleep(0.2)
    return run


def family(run: subprocess.Popen) -> list[psutil.Process]:
    return psutil.Process(run.pid).children(recursive=True)


def gone(processes: list[psutil.Process], seconds: float) -> bool:
    return not psutil.wait_procs(processes, timeout=seconds)[1]


def test_ctrl_c_cancels_everything_and_the_next_run_resumes(store: Path, preset: Path) -> None:
    run = start(store, preset, store / "first.log")
    processes = family(run)
    assert any("training_entry" in " ".join(process.cmdline()) for process in processes)
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=360) == 1
    assert "cancelled" in (store / "first.log").read_text().splitlines()[-1]
    assert gone(processes, 120)
    weights = store / "shapes-smoke" / "weights" / "joint"
    building = building_place(weights)
    before = (building / "mlflow_run").read_text()
    assert any((building / "checkpoints").iterdir())

    done = unigs("run", "--preset", preset, "--store", store, "--train-steps", STEPS, "--json")
    report = json.loads((weights / "training.json").read_text())
    assert 0 < report["resumed_from"] < report["steps"] == int(STEPS)
    assert (weights / "mlflow_run").read_text() == before
    assert "shards" in result_of(done)["cached"]
    tracking = Tracking(store=Store(root=str(store)))
    assert tracking.client().get_run(before).info.status == "FINISHED"


def test_kill_9_leaves_no_process(store: Path, tmp_path: Path, preset: Path) -> None:
    """In a training on the data of the run before."""
    place = tmp_path / "store"
    shutil.copytree(store, place)
    shutil.rmtree(place / "shapes-smoke" / "weights")
    run = start(place, preset, tmp_path / "run.log")
    processes = family(run)
    run.kill()
    run.wait()
    assert gone(processes, 240)


def test_a_failed_run_goes_on_from_its_failure(store: Path, preset: Path) -> None:
    obstacle = store / "shapes-smoke" / "report"
    obstacle.rename(store / "report-aside")
    obstacle.write_text("in the way")
    failed = unigs("run", "--preset", preset, "--store", store, check=False)
    assert failed.returncode == 1
    assert "joint_report" in failed.stderr.splitlines()[-1]
    assert "Traceback" not in failed.stderr
    obstacle.unlink()
    result = result_of(
        unigs("run", "--preset", preset, "--store", store, "--from-failure", "--json")
    )
    assert set(result["built"]) == {"joint_report", "joint_gate"}
    assert result["cached"] == []


def test_going_on_without_a_failure_is_refused(store: Path, preset: Path) -> None:
    done = unigs("run", "--preset", preset, "--store", store, "--from-failure", check=False)
    assert done.returncode == 1
    assert "did not fail" in done.stderr
