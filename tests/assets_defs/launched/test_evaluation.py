"""Evaluation jobs: which of them are computed, and what of a result is copied."""

import json
from pathlib import Path
from typing import Any

import pytest

from assets_defs.launched import evaluation
from unigs.shards.manifest import MANIFEST, ShardManifest, ShardRecord, write_manifest


def shards(folder: Path, digest: str) -> Path:
    """A folder whose manifest names one shard."""
    folder.mkdir(parents=True)
    shard = ShardRecord("a.tar", digest, 1, 1, "inputs")
    manifest = ShardManifest((shard,), digest, "sources", 1, 1, {}, (), (), {"task": "entity"}, "0")
    write_manifest(folder, manifest)
    assert (folder / MANIFEST).is_file()
    return folder


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Jobs that were computed, each of which writes its shards' place."""
    done: list[str] = []

    def evaluate(job: dict[str, Any], processes: int = 1) -> None:
        done.append(Path(job["out_dir"]).name)
        out = Path(job["out_dir"])
        (out / "images").mkdir(parents=True)
        (out / "images" / "0.png").write_bytes(b"picture")
        (out / "metrics.json").write_text(json.dumps(job["shards"]), encoding="utf-8")

    monkeypatch.setattr(evaluation, "_evaluate", evaluate)
    return done


def test_equal_shards_are_evaluated_once(tmp_path: Path, evaluated: list[str]) -> None:
    """The result within the first one's folder is a copy without itself and its neighbour."""
    places = {
        "out": shards(tmp_path / "val", "same"),
        "all": shards(tmp_path / "protocol", "same"),
        "single": shards(tmp_path / "single", "other"),
    }
    out = tmp_path / "out"
    folders = {"out": out, "all": out / "protocol" / "all", "single": out / "protocol" / "single"}
    jobs = [
        {"model": "m", "shards": str(place), "out_dir": str(folders[name])}
        for name, place in places.items()
    ]
    evaluation.evaluate_folders({"jobs": jobs, "processes": 1}, None)
    assert evaluated == ["out", "single"]
    copied = sorted(p.relative_to(folders["all"]).as_posix() for p in folders["all"].rglob("*"))
    assert copied == ["images", "images/0.png", "metrics.json"]
    assert (folders["all"] / "metrics.json").read_bytes() == (out / "metrics.json").read_bytes()


@pytest.mark.parametrize(("name", "value"), [("model", "n"), ("references", True), ("seed", 1)])
def test_other_jobs_on_equal_shards_are_evaluated(
    tmp_path: Path, evaluated: list[str], name: str, value: object
) -> None:
    """Only the places of shards and of results may differ."""
    place = str(shards(tmp_path / "val", "same"))
    job = {"model": "m", "references": False, "seed": 0, "shards": place}
    first = {**job, "out_dir": str(tmp_path / "a")}
    second = {**job, name: value, "out_dir": str(tmp_path / "b")}
    evaluation.evaluate_folders({"jobs": [first, second], "processes": 1}, None)
    assert evaluated == ["a", "b"]
