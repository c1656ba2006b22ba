"""A miniature of the graph on a cluster of two local nodes: the files of a local run, to the last
bit, in spite of a cancelled run and of a node that dies."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest

from assets_defs.cache.build import building_place
from assets_defs.launched.evaluation import evaluate_folders
from assets_defs.run.folders import Folders
from resources.launcher import Launcher
from resources.process.launcher import ProcessLauncher
from resources.ray_cluster.launcher import RayLauncher
from resources.run_settings import GraphSettings
from resources.store import Store
from tests.e2e.command import write_preset
from tests.support.data.made_scenes import files_of
from tests.support.servers.ray_nodes import Nodes, two_nodes
from unigs.evaluation.metric_values import METRICS_FILE
from unigs.tasks import TASKS

pytestmark = pytest.mark.slow
pytest.importorskip("ray", reason="needs the extra ray")
pytest.importorskip("dagster_ray", reason="needs the extra ray")

# So many that a node dies long before the last one.
STEPS = 200
# Seconds for one run: minutes on a machine that has other work.
PATIENCE = 600
DATA = ("raw", "scenes_index_train", "scenes_index_val", "quarantine_report", "scene_statistics")
# Names in the command lines of a job's processes, not of the cluster's own.
OF_A_JOB = ("training_entry", "resources.ray_cluster.job", "RayTrainWorker", "ray::_do", "Mailbox")
# What says when and by which run a folder was built.
ABOUT_THE_RUN = {"kept.json", "mlflow_run", "training.json"}


class Graph:
    """The assets of one store, run in processes of their own."""

    def __init__(self, store: Path, preset: Path, nodes: Nodes | None = None) -> None:
        self.store = store
        self.settings = GraphSettings(preset=str(preset), train_steps=STEPS, workers=1)
        self.folders = Folders.of(Store(root=str(store)), self.settings)
        self.log = store.parent / f"{store.name}.log"
        self.variables = {"OMP_NUM_THREADS": "1"}
        if nodes is not None:
            self.variables |= {
                "UNIGS_LAUNCHER": "ray",
                "UNIGS_RAY_ADDRESS": nodes.job_server,
                "UNIGS_RAY_PYTHON": sys.executable,
                "UNIGS_RAY_WAIT_SECONDS": str(PATIENCE),
            }

    def start(self, *assets: str, tasks: tuple[str, ...] = ("entity",)) -> subprocess.Popen:
        settings = {"preset": self.settings.preset, "train_steps": STEPS, "workers": 1}
        command = [str(self.store), json.dumps(settings), ",".join(tasks), *assets]
        with self.log.open("w") as stream:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.support.runs.graph_run", *command],
                env={**os.environ, **self.variables}, stdout=stream, stderr=stream,
            )  # fmt: skip

    def run(self, *assets: str, **options) -> None:
        assert self.ended(self.start(*assets, **options)) == 0, self.said()[-3000:]

    def ended(self, run: subprocess.Popen) -> int:
        try:
            return run.wait(timeout=PATIENCE)
        finally:
            run.kill()

    def said(self) -> str:
        return self.log.read_text()

    def until(self, words: str, run: subprocess.Popen) -> None:
        end = time.monotonic() + PATIENCE
        while words not in self.said():
            assert run.poll() is None, self.said()[-3000:]
            assert time.monotonic() < end, self.said()[-3000:]
            time.sleep(0.1)

    def built(self) -> dict[str, dict[str, bytes]]:
        """The files of the folders that both modes build."""
        places = {"weights": self.folders.weights("entity")}
        for split in ("train", "val"):
            places[f"shards {split}"] = self.folders.shards("shapes", split, "entity")
            places[f"latents {split}"] = self.folders.latents("shapes", split, "entity")
        return {
            name: {
                file: content
                for file, content in files_of(place).items()
                if Path(file).name not in ABOUT_THE_RUN and not file.startswith("previews")
            }
            for name, place in places.items()
        }


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with two_nodes() as started:
        yield started


def metrics(graph: Graph, launcher: Launcher, out: Path) -> dict[str, float]:
    """Of the untrained model on the validation shards, evaluated twice at the same time."""
    jobs = [
        {
            "model": str(graph.folders.model("untrained") / "pipeline"),
            "task": "entity",
            "shards": str(graph.folders.shards("shapes", "val", "entity")),
            "out_dir": str(out / name),
            "features": str(out / "features"),
            "batch_size": 4,
            "references": False,
            # jobs that differ in nothing would be evaluated once
            "limit": most,
        }
        for name, most in (("first", None), ("second", 1000))
    ]
    out.mkdir()

    @dg.asset
    def evaluated(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        launcher.call(context, evaluate_folders, {"jobs": jobs, "processes": 1}, out)
        # A Pipes session asks for a result.
        return dg.MaterializeResult()

    dg.materialize([evaluated])
    first, second = (json.loads((out / n / METRICS_FILE).read_text()) for n in ("first", "second"))
    assert first == second
    return first


def left_of_a_job() -> list[str]:
    lines = []
    for process in psutil.process_iter():
        try:
            lines.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return [line for line in lines if any(name in line for name in OF_A_JOB)]


def nothing_left(seconds: float) -> bool:
    end = time.monotonic() + seconds
    while left_of_a_job():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def test_the_cluster_makes_what_one_machine_makes(tmp_path: Path, nodes: Nodes) -> None:
    preset = write_preset(
        tmp_path / "smoke.yaml",
        {"processes": 2, "precision": "fp32", "validate_every": STEPS},
        train_scenes=12, val_scenes=4, samples_per_shard=4,
    )  # fmt: skip
    here = Graph(tmp_path / "here", preset)
    here.run(*DATA, "text_encoder", "shards", "autoencoder", "untrained", tasks=tuple(TASKS))
    shutil.copytree(here.store, tmp_path / "there")
    there = Graph(tmp_path / "there", preset, nodes)
    for split in ("train", "val"):
        shutil.rmtree(there.folders.shards("shapes", split, "entity"))

    here.run("latents")
    here.run("entity_weights")
    there.run("shards", "latents")
    assert "on the cluster" in there.said()

    # cancelled in the middle
    run = there.start("entity_weights")
    there.until(f"of {STEPS}: loss", run)
    assert left_of_a_job()
    run.send_signal(signal.SIGINT)
    there.ended(run)
    assert nothing_left(2), left_of_a_job()
    building = building_place(there.folders.weights("entity"))
    assert any((building / "checkpoints").iterdir())

    # a node that dies in the middle
    run = there.start("entity_weights")
    there.until(f"of {STEPS}: loss", run)
    nodes.kill_worker()
    assert there.ended(run) == 1
    line = there.said().splitlines()[-2]
    assert "was lost in the middle of the training (run again: it goes on" in line, line
    assert nothing_left(10), left_of_a_job()

    # and the next run goes on
    nodes.add_worker()
    there.run("entity_weights")
    report = json.loads((there.folders.weights("entity") / "training.json").read_text())
    assert 0 < report["resumed_from"] < report["steps"] == STEPS

    assert here.built() == there.built()
    launcher = RayLauncher(address=nodes.job_server, python=sys.executable)
    assert metrics(here, ProcessLauncher(), tmp_path / "evaluated here") == metrics(
        here, launcher, tmp_path / "evaluated there"
    )
