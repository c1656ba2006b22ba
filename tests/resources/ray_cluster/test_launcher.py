"""What a job of the cluster is told, and the lines of those that fail, without a cluster."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
import requests

from assets_defs.launched.shards import build_partition
from pipelines.build import launcher
from resources.process.launcher import ProcessLauncher
from resources.ray_cluster import launcher as module
from resources.ray_cluster.job import ANSWER, ORDER, WORK, say_reason
from resources.ray_cluster.launcher import JobFailed, RayLauncher
from resources.ray_cluster.pulse import beating
from resources.ray_cluster.settings import CLUSTER, REASON, ClusterSettings
from unigs.errors import ConfigError, DataError, UnigsError

DONE = SimpleNamespace(is_terminal=lambda: True)
RUNNING = SimpleNamespace(is_terminal=lambda: False)


class Cluster:
    """In place of the job client: one job, which ends as it is told."""

    def __init__(self, ends: Any = None, log: str = "", stops_after: int = 0) -> None:
        self.ends, self.log, self.left = ends, log, stops_after
        self.told: dict[str, Any] = {}
        self.stopped = 0
        self.client = self

    def run(self, *, context: Any, submit_job_params: Any, extras: Any) -> Any:
        self.told = {"job": submit_job_params, "extras": extras}
        pulse = Path(extras[CLUSTER]["pulse"])
        until = time.monotonic() + 5
        while not pulse.is_file() and time.monotonic() < until:
            time.sleep(0.01)
        assert pulse.is_file()
        if isinstance(self.ends, BaseException):
            raise self.ends
        return SimpleNamespace(get_custom_messages=lambda: self.ends)

    def get_job_status(self, name: str) -> Any:
        return RUNNING if self.left else DONE

    def stop_job(self, name: str) -> None:
        self.stopped += 1
        self.left -= 1

    def get_job_logs(self, name: str) -> str:
        return self.log


def call(cluster: Cluster, place: Path, patch: pytest.MonkeyPatch, **options: Any) -> Any:
    patch.setattr(RayLauncher, "_client", lambda self: cluster)
    patch.setattr(module, "_POLL_SECONDS", 0.01)
    answers = []

    @dg.asset
    def work(context: dg.AssetExecutionContext) -> None:
        ray = RayLauncher(address="http://nowhere:1", **options)
        answers.append(ray.call(context, build_partition, {"task": "entity"}, place))

    dg.materialize([work])
    return answers[0]


def test_a_job_is_told_the_work_the_place_and_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster([{ANSWER: {"built": 3}}])
    place = tmp_path / "shards"
    answer = call(cluster, place, monkeypatch, gpus=1, python="python3.11", grace_seconds=7)
    assert answer == {"built": 3}
    extras = cluster.told["extras"]
    assert extras[WORK] == "assets_defs.launched.shards:build_partition"
    assert extras[ORDER] == {"task": "entity"}
    settings = ClusterSettings.model_validate(extras[CLUSTER])
    assert (settings.place, settings.gpus, settings.cpus) == (str(place), 1, 1)
    job = cluster.told["job"]
    assert job["entrypoint"] == "exec python3.11 -m resources.ray_cluster.job"
    assert job["runtime_env"]["env_vars"]["RAY_JOB_STOP_WAIT_TIME_S"] == "7"
    assert job["submission_id"].startswith("unigs-")
    assert not Path(settings.pulse).exists()


def test_the_line_of_a_failed_job_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = f"starting\n{REASON}a.tar: broken (build again)\n(raylet) goodbye\n"
    with pytest.raises(JobFailed, match=r"^a.tar: broken \(build again\)$"):
        call(Cluster(RuntimeError("status FAILED"), log), tmp_path, monkeypatch)
    with pytest.raises(JobFailed, match="failed: ImportError: no unigs"):
        call(Cluster(RuntimeError("x"), "first\nImportError: no unigs\n"), tmp_path, monkeypatch)


def test_an_interrupted_run_waits_until_its_job_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(KeyboardInterrupt(), stops_after=3)
    with pytest.raises(KeyboardInterrupt):
        call(cluster, tmp_path, monkeypatch)
    assert (cluster.stopped, cluster.left) == (3, 0)


def test_a_cluster_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Cluster(requests.exceptions.ConnectionError("refused"))
    with pytest.raises(UnigsError, match="Ray cluster at http://nowhere:1 does not answer"):
        call(broken, tmp_path, monkeypatch)


def test_without_the_extra_the_launcher_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "dagster_ray", None)
    with pytest.raises(ConfigError, match=r"needs dagster_ray.*unigs\[ray\]"):
        RayLauncher()._client()


def test_the_variables_choose_the_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNIGS_LAUNCHER", raising=False)
    assert isinstance(launcher(), ProcessLauncher)
    monkeypatch.setenv("UNIGS_LAUNCHER", "ray")
    monkeypatch.setenv("UNIGS_RAY_GPUS", "0.5")
    assert launcher() == RayLauncher(gpus=0.5)
    monkeypatch.setenv("UNIGS_RAY_GPUS", "many")
    with pytest.raises(ConfigError, match="UNIGS_RAY_GPUS=many"):
        launcher()
    monkeypatch.setenv("UNIGS_LAUNCHER", "slurm")
    with pytest.raises(ConfigError, match="UNIGS_LAUNCHER=slurm: no such launcher"):
        launcher()


def test_the_reason_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say_reason(DataError("two\nlines", file="a.tar", hint="build again"))
    assert capsys.readouterr().err == f"{REASON}a.tar: two lines (build again)\n"
    say_reason(ValueError("odd"))
    assert capsys.readouterr().err.splitlines()[-1] == f"{REASON}ValueError: odd"


def _hear_sigterm() -> None:
    """A process that ignores or blocks the signal hands that on to those it starts."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def test_a_job_ends_when_the_pulse_of_its_run_stops(tmp_path: Path) -> None:
    file = tmp_path / "pulse"
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from resources.ray_cluster.pulse import end_without\n"
        "end_without(Path(sys.argv[1]), 6.0)\nprint('watching', flush=True)\ntime.sleep(600)"
    )
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    with beating(file):
        job = subprocess.Popen(
            [sys.executable, "-c", code, str(file)],
            env=environment, stdout=subprocess.PIPE, text=True, preexec_fn=_hear_sigterm,
        )  # fmt: skip
        assert job.stdout is not None
        assert job.stdout.readline() == "watching\n"
        with pytest.raises(subprocess.TimeoutExpired):
            job.wait(9)
    assert not file.exists()
    # Six seconds, and as many as a machine takes that has other work.
    assert job.wait(60) == -signal.SIGTERM
