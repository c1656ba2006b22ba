"""kill -9 of everything that works for a run: it heals by itself or goes on from its failure, and
ends with the digests and metrics of a run that nobody disturbed."""

import json
import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.command import result_of
from tests.e2e.kills.command import (
    CANARY,
    Command,
    has_checkpoint,
    nothing_is_running,
    records,
    training,
)

pytestmark = pytest.mark.slow


def shard_worker(family: list[psutil.Process]) -> psutil.Process | None:
    """A process that was forked for the shards, not the one that forks them."""
    forked = [each for each in family if "multiprocessing.forkserver" in " ".join(each.cmdline())]
    parents = {each.ppid() for each in forked}
    workers = [each for each in forked if each.pid not in parents]
    return workers[0] if len(forked) > 1 and workers else None


def test_killed_workers_are_replaced_and_a_killed_run_goes_on(
    store: Path, undisturbed: dict[str, Any], smoke: Path
) -> None:
    base = store / "shapes-smoke"
    weights = base / "weights" / "joint"
    for stage in ("shards", "latents", "weights", "evaluation"):
        shutil.rmtree(base / stage)

    def run_worker(family: list[psutil.Process]) -> psutil.Process | None:
        if "> joint_evaluation" not in run.said():
            return None
        locks = str(store / "dagster" / "workers")
        return next(
            (p for p in family if any(f.path.startswith(locks) for f in p.open_files())), None
        )

    run = Command(store, smoke)
    run.kill("worker of the shards", shard_worker)
    run.kill("training", training, has_checkpoint(weights))
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
