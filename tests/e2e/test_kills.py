"""kill -9 of everything that works for a run: it heals by itself or goes on from its failure, and
ends with the digests and metrics of a run that nobody disturbed."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
import yaml

from assets_defs.support.build_cache import building_place
from resources.mlflow.tracking import Tracking
from resources.store import Store
from tests.e2e.command import UNIGS, environment, result_of, write_preset

pytestmark = pytest.mark.slow

CANARY = "canary-5c2e80"
SECONDS = 300.0


class Command:
    """``unigs run`` on a store, and the family of processes it started."""

    def __init__(self, store: Path, preset: Path, *options: str) -> None:
        self.log = store / "run.log"
        secret = {"UNIGS_ALERT_WEBHOOK": f"https://127.0.0.1:9/{CANARY}"}
        with self.log.open("w") as stream:
            self.process = subprocess.Popen(
                [str(UNIGS), "run", "--preset", str(preset), "--store", str(store), "--json",
                 *options],
                stdout=subprocess.PIPE, stderr=stream, text=True,
                env={**environment(), "UNIGS_RETRY_SECONDS": "0.2", **secret},
            )  # fmt: skip
        self.seen: set[psutil.Process] = set()

    def family(self) -> list[psutil.Process]:
        found = psutil.Process(self.process.pid).children(recursive=True)
        self.seen |= set(found)
        return found

    def kill(self, what: str, find: Callable[[list[psutil.Process]], psutil.Process | None]) -> int:
        """Kill the first process that is found; return its id."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                if found := find(self.family()):
                    found.kill()
                    return found.pid
            except psutil.Error:
                continue
            time.sleep(0.01)
        pytest.fail(f"no {what} was there to be killed:\n{self.log.read_text()[-3000:]}")

    def end(self, code: int) -> subprocess.CompletedProcess[str]:
        while self.process.poll() is None:
            self.family()
            try:
                self.process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
        out, _ = self.process.communicate()
        said = self.log.read_text()
        assert self.process.returncode == code, said[-4000:]
        assert CANARY not in said + out
        assert not psutil.wait_procs(self.seen, timeout=60)[1]
        return subprocess.CompletedProcess([], code, out, said)


def records(store: Path) -> dict[str, Any]:
    """Digest and metadata of every folder that was built; times and MLflow's ids are others."""
    found = {}
    for file in store.glob("shapes-smoke/**/kept.json"):
        record = json.loads(file.read_text())
        metadata = {
            key: value
            for key, value in record["metadata"].items()
            if key not in ("mlflow_run_id", "seconds", "resumed_from", "samples", "model_id")
            and not key.startswith("shards_")
        }
        found[file.parent.relative_to(store).as_posix()] = (record["digest"], metadata)
    return found


def nothing_is_running(store: Path) -> None:
    with dg.DagsterInstance.from_config(str(store / "dagster")) as instance:
        assert [run for run in instance.get_runs() if not run.is_finished] == []
    client = Tracking(store=Store(root=str(store))).client()
    experiment = client.get_experiment_by_name("unigs")
    assert experiment is not None
    running = client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'")
    assert [run.info.run_name for run in running] == []


def shard_worker(family: list[psutil.Process]) -> psutil.Process | None:
    """A process that was forked for the shards, not the one that forks them."""
    forked = [each for each in family if "multiprocessing.forkserver" in " ".join(each.cmdline())]
    parents = {each.ppid() for each in forked}
    workers = [each for each in forked if each.pid not in parents]
    return workers[0] if len(forked) > 1 and workers else None


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("preset") / "smoke.yaml"
    write_preset(file, {"processes": 1, "steps": 12})
    values = yaml.safe_load(file.read_text())
    values["evaluation"] |= {"train_scenes": 4, "evaluator_passes": 1}
    file.write_text(yaml.safe_dump(values))
    return file


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, smoke: Path) -> Path:
    """A store after a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("store")
    Command(folder, smoke).end(0)
    return folder


def test_killed_workers_are_replaced_and_a_killed_run_goes_on(store: Path, smoke: Path) -> None:
    undisturbed, base = records(store), store / "shapes-smoke"
    weights = base / "weights" / "joint"
    checkpoints = building_place(weights) / "checkpoints"
    for stage in ("shards", "latents", "weights", "evaluation"):
        shutil.rmtree(base / stage)

    def training(family: list[psutil.Process]) -> psutil.Process | None:
        if not any(checkpoints.glob("step-*")):
            return None
        ours = [each for each in family if "training_entry" in " ".join(each.cmdline())]
        return ours[0] if ours else None

    def run_worker(family: list[psutil.Process]) -> psutil.Process | None:
        if "> joint_evaluation" not in run.log.read_text():
            return None
        locks = str(store / "dagster" / "workers")
        return next(
            (p for p in family if any(f.path.startswith(locks) for f in p.open_files())), None
        )

    run = Command(store, smoke)
    run.kill("worker of the shards", shard_worker)
    run.kill("training", training)
    run.kill("worker of the run", run_worker)
    said = run.end(1).stderr
    assert said.count("trying again in") == 2
    assert "SIGKILL" in said
    assert "Traceback" not in said
    assert json.loads((weights / "training.json").read_text())["resumed_from"] > 0
    nothing_is_running(store)

    result = result_of(Command(store, smoke, "--from-failure").end(0))
    assert any(name.startswith("joint_evaluation") for name in result["built"])
    assert not {"shards", "joint_weights", "joint_model"} & {*result["built"]}
    assert records(store) == undisturbed
    nothing_is_running(store)


def test_a_secret_of_the_environment_is_nowhere_in_the_store(store: Path) -> None:
    for file in store.rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file
