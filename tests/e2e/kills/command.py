"""``unigs run`` with its family of processes, and what a store holds and lists afterwards."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

from assets_defs.cache.build import building_place
from resources.mlflow.tracking import Tracking
from resources.store import Store
from tests.e2e.command import UNIGS, environment

Find = Callable[[list[psutil.Process]], psutil.Process | None]
CANARY = "canary-5c2e80"
# The canary is in the address of a webhook that nobody answers.
SURROUNDINGS = {
    "UNIGS_ALERT_WEBHOOK": f"https://127.0.0.1:9/{CANARY}",
    "UNIGS_RETRY_SECONDS": "0.2",
}
_LOOKS, _LOOK_SECONDS = 30_000, 0.01


def looks() -> Iterator[None]:
    """Look again and again, at most some minutes of this process's own time: one that was stopped
    meanwhile, with all it waits for, has not waited."""
    for _ in range(_LOOKS):
        yield
        time.sleep(_LOOK_SECONDS)


class Command:
    """``unigs run`` on a store, and the family of processes it started."""

    def __init__(self, store: Path, preset: Path, *options: str, log: Path | None = None) -> None:
        self.log = log or store / "run.log"
        with self.log.open("w") as stream:
            self.process = subprocess.Popen(
                [str(UNIGS), "run", "--preset", str(preset), "--store", str(store), "--json",
                 *options],
                stdout=subprocess.PIPE, stderr=stream, text=True,
                env={**environment(), **SURROUNDINGS},
            )  # fmt: skip
        self.seen: set[psutil.Process] = set()

    def said(self) -> str:
        return self.log.read_text()

    def family(self) -> list[psutil.Process]:
        found = psutil.Process(self.process.pid).children(recursive=True)
        self.seen |= set(found)
        return found

    def wait_for(
        self, what: str, find: Find, when: Callable[[], bool] = lambda: True
    ) -> psutil.Process:
        """Return the first process that is found, stopped: nothing happens until a test says.

        Args:
            when: asked often, before the processes are looked at, which takes a while.
        """
        for number, _ in enumerate(looks()):
            if self.process.poll() is not None:
                break
            try:
                if not when():
                    if number % 50 == 0:
                        self.family()
                elif found := find(self.family()):
                    found.suspend()
                    return found
            except psutil.Error:
                continue
        pytest.fail(f"no {what} was there:\n{self.said()[-3000:]}")

    def kill(self, what: str, find: Find, when: Callable[[], bool] = lambda: True) -> None:
        self.wait_for(what, find, when).kill()

    def end(self, code: int) -> subprocess.CompletedProcess[str]:
        """Wait for the end, with this code; no process of the family outlives it."""
        while self.process.poll() is None:
            self.family()
            try:
                self.process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
        out, _ = self.process.communicate()
        assert self.process.returncode == code, self.said()[-4000:]
        assert CANARY not in self.said() + out
        assert not psutil.wait_procs(self.seen, timeout=120)[1]
        return subprocess.CompletedProcess([], code, out, self.said())


def training(family: list[psutil.Process]) -> psutil.Process | None:
    """The process that trains."""
    return next((p for p in family if "training_entry" in " ".join(p.cmdline())), None)


def has_checkpoint(weights: Path) -> Callable[[], bool]:
    """Whether the training of a folder of weights has written one."""
    checkpoints = building_place(weights) / "checkpoints"
    return lambda: any(checkpoints.glob("step-*"))


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
    """Assert that neither Dagster nor MLflow list a run that has not ended."""
    with dg.DagsterInstance.from_config(str(store / "dagster")) as instance:
        assert [run for run in instance.get_runs() if not run.is_finished] == []
    client = Tracking(store=Store(root=str(store))).client()
    experiment = client.get_experiment_by_name("unigs")
    assert experiment is not None
    running = client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'")
    assert [run.info.run_name for run in running] == []
