"""One training over several nodes: Ray Train starts the processes and joins them as torchrun does.

Each process finds the group that torch made and takes part in it (`unigs.io.distributed.group`).
"""

import functools
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from resources.ray_cluster.mailbox import Line, open_mailbox
from resources.ray_cluster.settings import ClusterSettings
from resources.ray_cluster.tasks import require_place
from unigs.errors import UnigsError, one_line

# Kinds of messages that this file itself sends and reads.
STARTED, FAILED = "started", "failed"
_POLL_SECONDS = 0.2
# Ray takes some seconds to notice that a node is gone, when its connections are not closed.
_NOTICE_SECONDS = 30.0
# Ray Train wants a folder that all nodes see; nothing of ours is in it.
_RAY_FOLDER = ".ray"
_PLACE_HINT = "add nodes, or lower training.processes, or what each process asks for"

Loop = Callable[[Mapping[str, Any], Line], None]


def run_group(
    loop: Loop,
    order: Mapping[str, Any],
    processes: int,
    settings: ClusterSettings,
    tell: Callable[[str, Any], None],
    stop_asked: Callable[[], bool],
) -> None:
    """Run ``loop(order, line)`` in each of ``processes`` processes of a group.

    Args:
        loop: a function of a module. What it sends reaches `tell` as (kind, value).
        stop_asked: polled here; when true, `line.should_stop` becomes true in the processes.

    Raises:
        UnigsError: what a process raised; a node was lost; there is no place for the group.
    """
    import ray

    folder = Path(settings.place) / _RAY_FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    nodes = _alive()
    mailbox = open_mailbox()
    fit = _Fit(loop, order, processes, settings, folder, mailbox)
    begun, started, told, reasons = time.monotonic(), False, False, list[str]()
    fit.start()
    while True:
        # Asked before the mail is taken: the last message may come while it is.
        ended = not fit.is_alive()
        for kind, value in ray.get(mailbox.take.remote()):
            started = True
            if kind == FAILED:
                reasons.append(value)
            elif kind != STARTED:
                tell(kind, value)
        if ended:
            break
        waited = time.monotonic() - begun
        if not started and (stop_asked() or waited > settings.wait_seconds):
            raise UnigsError(_no_place(processes, settings, waited), hint=_PLACE_HINT)
        if stop_asked() and not told:
            mailbox.ask_to_stop.remote()
            told = True
        time.sleep(_POLL_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)
    if fit.error is None:
        return
    if not reasons and (lost := _lost(nodes)):
        raise UnigsError(
            f"node {', '.join(lost)} of the Ray cluster was lost in the middle of the training",
            hint="run again: it goes on from its last checkpoint",
        ) from fit.error
    raise UnigsError(reasons[0] if reasons else one_line(str(fit.error))) from fit.error


class _Fit(threading.Thread):
    """Ray Train's own call, which blocks; a daemon, so that the job can end without it."""

    def __init__(
        self,
        loop: Loop,
        order: Mapping[str, Any],
        processes: int,
        settings: ClusterSettings,
        folder: Path,
        mailbox: Any,
    ) -> None:
        super().__init__(daemon=True)
        self.error: Exception | None = None
        self._worker = functools.partial(_worker, loop, dict(order), settings.place, mailbox)
        self._processes, self._settings, self._folder = processes, settings, folder

    def run(self) -> None:
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer

        gpu = self._settings.gpus > 0
        trainer = TorchTrainer(
            self._worker,
            scaling_config=ScalingConfig(
                num_workers=self._processes,
                use_gpu=gpu,
                resources_per_worker={"CPU": self._settings.cpus}
                | ({"GPU": self._settings.gpus} if gpu else {}),
            ),
            run_config=RunConfig(
                name="training",
                storage_path=str(self._folder),
                # The next run goes on from our own checkpoint, perhaps on fewer nodes.
                failure_config=FailureConfig(max_failures=0),
            ),
        )
        try:
            trainer.fit()
        except Exception as error:
            self.error = error


def _worker(loop: Loop, order: Mapping[str, Any], place: str, mailbox: Any) -> None:
    """In each process of the group."""
    line = Line(mailbox)
    line.send(STARTED, None)
    try:
        require_place(place)
        loop(order, line)
    except UnigsError as error:
        line.send(FAILED, str(error))
        raise


def _alive() -> dict[str, str]:
    """Node -> address."""
    import ray

    return {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}


def _lost(nodes: Mapping[str, str]) -> list[str]:
    """Addresses of those of ``nodes`` that are gone, once Ray has noticed."""
    until = time.monotonic() + _NOTICE_SECONDS
    while True:
        gone = sorted(nodes[node] for node in nodes.keys() - _alive().keys())
        if gone or time.monotonic() > until:
            return gone
        time.sleep(_POLL_SECONDS)


def _no_place(processes: int, settings: ClusterSettings, waited: float) -> str:
    import ray

    held = ray.cluster_resources()
    return (
        f"no place on the Ray cluster for {processes} training processes of "
        f"{settings.cpus:g} CPUs and {settings.gpus:g} GPUs after {waited:.0f} s: it has "
        f"{held.get('CPU', 0):g} CPUs and {held.get('GPU', 0):g} GPUs in all"
    )
