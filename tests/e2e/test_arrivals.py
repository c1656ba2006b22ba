"""The live daemon: annotated scenes arrive and a better model is champion, without a hand, though
the daemon is killed meanwhile; a broken batch is quarantined and told, and the champion stays."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

from assets_defs.arrival.batches import annotation_batch, batches_of
from assets_defs.run.keys import asset_name
from pipelines.automation.channels import LOG
from pipelines.automation.looks import VARIABLE
from pipelines.runner.home import WORKSPACE
from resources.mlflow.registry import champion
from resources.mlflow.tracking import Tracking
from resources.store import Store
from tests.e2e.command import TASKS, environment, write_preset
from unigs.datasets.shapes.generate import write_shapes

pytestmark = pytest.mark.e2e

DATASET, SCENES, BATCH, VAL = "coco_panoptic", 24, 20, 6
RUN = f"{DATASET}-smoke"
MODEL = f"unigs-{DATASET}-smoke-joint"
# A look at the runs opens their records, which costs what the daemon needs.
_LOOKS, _LOOK_SECONDS = 3000, 0.3


class Daemon:
    """``dagster-daemon`` over a store and a data set, with the sensor switched on."""

    def __init__(self, folder: Path) -> None:
        self.root, self.store = folder / "set", folder / "store"
        self.log = folder / "daemon.log"
        self.deliver(SCENES)
        training = {"steps": 1, "warmup_steps": 0, "validate_every": 50, "processes": 1}
        preset = write_preset(folder / "smoke.yaml", training)
        self.store.mkdir()
        self.environment = {
            **environment(),
            "UNIGS_STORE": str(self.store),
            "UNIGS_PRESET": str(preset),
            "UNIGS_DATASET": DATASET,
            "UNIGS_ROOT": str(self.root),
            "UNIGS_SET": "retraining.start=champion;retraining.steps=40",
            "DAGSTER_HOME": str(self.store / "dagster"),
            VARIABLE: "2",
        }
        prepare = (
            "from pipelines.runner.home import prepare_home; from resources.store import Store; "
            "prepare_home(Store())"
        )
        self.call(sys.executable, "-c", prepare)
        self.call(self._script("dagster"), "sensor", "start", "annotations", "-w", str(WORKSPACE))
        self.seen: set[psutil.Process] = set()

    def deliver(self, scenes: int) -> None:
        write_shapes(self.root, train=scenes, val=VAL, size=64)

    def call(self, *command: str) -> None:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        command = [self._script("dagster-daemon"), "run", "-w", str(WORKSPACE)]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def family(self) -> list[psutil.Process]:
        """All processes that work for the store."""
        for process in psutil.process_iter():
            try:
                if process.environ().get("UNIGS_STORE") == str(self.store):
                    self.seen.add(process)
            except psutil.Error:
                continue
        return [process for process in self.seen if process.is_running()]

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(240)

    def runs(self) -> list[dg.DagsterRun]:
        """The runs of the store, the oldest first."""
        with dg.DagsterInstance.from_config(str(self.store / "dagster")) as instance:
            return list(instance.get_runs())[::-1]

    def built(self, run_id: str) -> dict[str, int]:
        """How many parts of each asset a run has built, not reused."""
        found: dict[str, int] = {}
        with dg.DagsterInstance.from_config(str(self.store / "dagster")) as instance:
            records = instance.get_records_for_run(
                run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
            ).records
        for record in records:
            event = record.event_log_entry.dagster_event
            assert event is not None
            assert event.asset_key is not None
            if not event.materialization.metadata["cached"].value:
                name = asset_name(event.asset_key)
                found[name] = found.get(name, 0) + 1
        return found

    def wait_for(self, what: str, found: Callable[[], Any]) -> Any:
        for _ in range(_LOOKS):
            if answer := found():
                return answer
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            time.sleep(_LOOK_SECONDS)
        pytest.fail(f"{what} did not come:\n{self.log.read_text()[-4000:]}")

    def ended(self, number: int) -> dg.DagsterRun:
        """The run of that number once it has ended."""

        def found() -> dg.DagsterRun | None:
            runs = self.runs()
            return runs[number] if len(runs) > number and runs[number].is_finished else None

        return self.wait_for(f"the end of run {number}", found)

    def batches(self) -> dict[str, str]:
        """Partitions of what arrived, in that order, each with the run that took it in or ""."""
        with dg.DagsterInstance.from_config(str(self.store / "dagster")) as instance:
            keys = instance.get_dynamic_partitions(str(batches_of(RUN).name))
            found = instance.fetch_materializations(annotation_batch(RUN).key, limit=100).records
        events = [record.asset_materialization for record in found]
        runs = {str(e.partition): str(e.metadata["run"].value) for e in events if e is not None}
        assert len(runs) == len(found), "a batch was told twice"
        return {key: runs.get(key, "") for key in keys}

    def champion(self) -> tuple[str, str]:
        """Its version and the digest of its weights."""
        best = champion(Tracking(store=Store(root=str(self.store))), MODEL)
        assert best is not None
        return best.version, best.tags["model.digest"]

    def alerts(self, event: str) -> list[dict[str, Any]]:
        file = self.store / "logs" / LOG
        lines = file.read_text().splitlines() if file.exists() else []
        return [alert for alert in map(json.loads, lines) if alert["event"] == event]

    def _script(self, name: str) -> str:
        return str(Path(sys.executable).with_name(name))


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path_factory.mktemp("arrivals"))
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.end()
        for process in daemon.family():
            process.kill()


def test_scenes_arrive_and_their_model_is_champion(daemon: Daemon) -> None:
    first = daemon.ended(0)
    assert first.status is dg.DagsterRunStatus.SUCCESS
    assert daemon.champion()[0] == "1"
    assert daemon.built(first.run_id)["shards"] == 2 * len(TASKS)

    (first_batch,) = daemon.wait_for(
        "the batch", lambda: [*filter(None, daemon.batches().values())]
    )
    assert first_batch == first.run_id

    daemon.deliver(SCENES + BATCH)
    weights = daemon.store / f"{DATASET}-smoke" / "weights"
    daemon.wait_for("a training", lambda: (weights / ".joint.building" / "checkpoints").exists())
    before = daemon.family()
    daemon.process.kill()
    daemon.process.wait()
    daemon.start()

    second = daemon.ended(1)
    assert second.status is dg.DagsterRunStatus.SUCCESS
    assert daemon.champion()[0] == "2"
    started_from = json.loads((weights / "joint" / "start.json").read_text())["version"]
    assert started_from == f"{MODEL}/1"
    taken_in = [first.run_id, second.run_id]
    daemon.wait_for("the batches", lambda: list(daemon.batches().values()) == taken_in)
    # no validation shards, latents, frozen parts or protocol; the small evaluators are trained on
    # the training scenes, and what is compared by them follows
    assert daemon.built(second.run_id) == {
        "raw": 1, "scenes_index_train": 1, "scenes_index_val": 1, "quarantine_report": 1,
        "scene_statistics": 1, "shards": len(TASKS), "latents": len(TASKS), "shard_manifest": 1,
        "evaluator/dual_encoder": 1, "evaluator/segmenter": 1,
        **{f"reference_{task}": 1 for task in TASKS},
        "joint_weights": 1, "joint_model": 1,
        **{f"joint_evaluation_{task}": 1 for task in TASKS}, "joint_report": 1, "joint_gate": 1,
    }  # fmt: skip
    # the code server of the killed daemon ends with its run
    mine = {process.pid for process in psutil.Process(daemon.process.pid).children(recursive=True)}
    others = [p for p in before if p.pid not in {*mine, daemon.process.pid}]
    assert not psutil.wait_procs(others, timeout=240)[1]


def test_a_broken_batch_is_quarantined_and_told_and_the_champion_stays(daemon: Daemon) -> None:
    before = daemon.champion()
    daemon.deliver(SCENES + 2 * BATCH)
    broken = sorted((daemon.root / "train2017").glob("*.jpg"))[SCENES + BATCH :]
    for file in broken:
        os.truncate(file, 0)
    third = daemon.ended(2)
    assert third.status is dg.DagsterRunStatus.FAILURE
    (alert,) = daemon.wait_for("an alert", lambda: daemon.alerts("run_failed"))
    assert alert["run_id"] == third.run_id
    assert "quarantined_share" in alert["text"]
    assert broken[0].name in alert["text"]
    indexes = {"scenes_index_train", "scenes_index_val"}
    assert set(daemon.built(third.run_id)) <= {"raw", *indexes, "quarantine_report"}
    assert daemon.champion() == before
    assert len(daemon.runs()) == 3
    # it arrived, and no run took it in
    assert [bool(run) for run in daemon.batches().values()] == [True, True, False]
