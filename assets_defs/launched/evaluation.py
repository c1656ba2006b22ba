"""Evaluations of a model on folders of shards, from an order that is JSON.

The same function runs on this machine and as a job of a cluster, where each folder that is
evaluated is a task (`resources.ray_cluster.tasks`).
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unigs.io.spread import Spread


def evaluate_folders(order: Mapping[str, Any], spread: Spread | None) -> None:
    """Evaluate a model on some folders; the values of each are written where it says.

    Jobs that differ in nothing but the place of equal shards (a protocol often draws what the
    validation shards hold) are evaluated once, and the result copied.
    """
    first: dict[str, Mapping[str, Any]] = {}
    equal: list[tuple[Path, Path]] = []
    for job in order["jobs"]:
        known = first.setdefault(_evaluated(job), job)
        if known is not job:
            equal.append((Path(known["out_dir"]), Path(job["out_dir"])))
    if spread is None:
        for job in first.values():
            _evaluate(job, order["processes"])
    else:
        for _ in spread(_evaluate, list(first.values())):
            pass
    places = {Path(job["out_dir"]) for job in order["jobs"]}
    for source, target in equal:
        _copy(source, target, places)


def _evaluated(job: Mapping[str, Any]) -> str:
    """What the result of a job follows from."""
    from unigs.shards.manifest import read_manifest

    shards = read_manifest(Path(job["shards"])).digest
    return json.dumps({**job, "shards": shards, "out_dir": None}, sort_keys=True, default=str)


def _copy(source: Path, target: Path, places: set[Path]) -> None:
    """Copy a result without those of other jobs that lie in its folder."""
    others = {folder for place in places - {source} for folder in (place, *place.parents)}

    def left_out(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(folder) / name in others]

    shutil.copytree(source, target, ignore=left_out, dirs_exist_ok=True)


def _evaluate(job: Mapping[str, Any], processes: int = 1) -> None:
    from unigs.evaluation.run import EvaluationJob, run_evaluation

    folders = {name: Path(job[name]) for name in ("model", "shards", "out_dir", "features")}
    run_evaluation(EvaluationJob(**{**job, **folders}), processes)
