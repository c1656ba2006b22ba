"""The accelerator's benchmark: every part runs on the CPU, and what fails or takes too long costs
its own rows alone."""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from benchmarks import accelerator
from benchmarks.accelerator_parts.bench import DRY, Bench, read_rows
from benchmarks.accelerator_parts.table import markdown, table
from tests.e2e.command import environment

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_every_part_runs_on_the_cpu_and_says_what_it_found(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.accelerator", "--dry", "--out", str(tmp_path)],
        capture_output=True, text=True, cwd=ROOT,
        env={**environment(), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    file = tmp_path / "accelerator.json"
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name, "accelerator.log"]
    report = json.loads(file.read_text())
    assert report["dry"] is True
    assert report["machine"]["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert list(report["parts"]) == list(accelerator.PARTS)
    for part in report["parts"].values():
        assert (part["state"], part["reason"]) == ("done", None)
        assert not [row for row in part["rows"] if "failed" in row]
    rows = {name: part["rows"] for name, part in report["parts"].items()}
    *tests, counted = rows["gpu_tests"]
    assert {"a_compiled_unet_learns", "peak_memory_is_the_accelerators"} <= {
        row["test"].removeprefix("test_") for row in tests
    }
    assert "0 failed, 0 error" in counted["outcome"]
    training = {(row["what"], row["samples"]): row for row in rows["training"]}
    for samples in DRY.samples:
        for what in ("unigs loop", "unigs step", "inpainting step"):
            assert training[what, samples]["images_per_second"] > 0
        assert training["unigs step / inpainting step", samples]["ratio"] > 0
    assert training["unigs loop, gradient checkpointing", DRY.samples[-1]]["step_seconds"] > 0
    # The same network but for the channels of its ends.
    ours, plain = (training[f"{kind}: forward and backward", 1] for kind in ("unigs", "inpainting"))
    assert 1 < ours["flops"] / plain["flops"] < 1.2
    ladder = {row["switch"]: row for row in rows["ladder"]}
    assert ladder["CUDA graphs (reduce-overhead)"]["skipped"]
    assert ladder["torch.compile"]["gain"] > 0
    assert ladder["unigs.training.loop, compiled"]["images_per_second"] > 0
    assert {(row["what"], row["precision"]) for row in rows["autoencoder"]} == {
        (what, precision)
        for what in ("encode", "decode", "encode_images")
        for precision in ("bf16", "fp32")
    }
    sampled = {
        (row["model"], row["steps"], row["batch"], row["guidance"], row["decoded"])
        for row in rows["sampling"]
    }
    assert len(sampled) == len(rows["sampling"]) == 2 * 2 * 2 * 2 + 2
    assert {row["network"] for row in rows["evaluators"]} == {"CLIP ViT-B/32", "Inception v3"}
    # The table that it prints can be printed again.
    again = subprocess.run(
        [sys.executable, "-m", "benchmarks.accelerator", "--table", str(file)],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    assert again.stdout == done.stdout
    assert "| torch.compile | 2 |" in done.stdout


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a stand-in for a part in a process of its own."""
    (tmp_path / "machine.rows").write_text('{"peak_bf16_flops": null}')

    def run(work, seconds):
        stand_in = argparse.Namespace(run=work)
        monkeypatch.setattr(accelerator, "import_module", lambda name: stand_in)
        (tmp_path / "ladder.rows").unlink(missing_ok=True)
        fork = multiprocessing.get_context("fork")
        return accelerator.one(fork, "ladder", True, tmp_path, seconds)

    return run


def test_a_part_that_takes_too_long_is_ended_with_its_children_and_its_rows_are_kept(run):
    def endless(bench):
        child = subprocess.Popen(["sleep", "600"])
        bench.row(child=child.pid)
        time.sleep(600)

    entry = run(endless, 2)
    assert entry["state"] == "cut"
    assert "stopped after 2 s" in entry["reason"]
    (row,) = entry["rows"]
    status = Path(f"/proc/{row['child']}/stat")
    # Gone, or dead and not yet collected by its new parent.
    assert not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_part_that_fails_is_named_by_its_last_output(run):
    def breaks(bench):
        bench.row(fine=1)
        raise ValueError("no such kernel")

    entry = run(breaks, 30)
    assert (entry["state"], entry["reason"]) == ("failed", "ValueError: no such kernel")
    assert entry["rows"] == [{"fine": 1}]

    def vanishes(bench):
        os._exit(9)

    assert run(vanishes, 30)["reason"] == "exit code 9"


def test_what_fails_within_a_part_leaves_the_rest(tmp_path):
    bench = Bench(torch.device("cpu"), DRY, tmp_path / "rows", time.monotonic() + 60, None)

    def breaks():
        raise torch.OutOfMemoryError("CUDA out of memory.\nmore")

    assert not bench.attempt(breaks, what="one")
    assert bench.attempt(lambda: {"ratio": 2.0}, what="two")
    assert not bench.attempt(lambda: {"ratio": 3.0}, need=100, what="three")
    with bench.rows.open("a") as file:
        file.write('{"what": "cut sho')
    one, two, three = read_rows(bench.rows)
    assert one == {"what": "one", "failed": "OutOfMemoryError: CUDA out of memory."}
    assert two == {"what": "two", "ratio": 2.0}
    assert "needs about 100 s" in three["skipped"]
    assert table([one, two]) == [
        "| what | ratio | notes |",
        "|---|---|---|",
        "| one |  | failed: OutOfMemoryError: CUDA out of memory. |",
        "| two | 2.0000 |  |",
    ]


def test_the_table_says_what_was_not_measured():
    part = {"state": "skipped", "reason": "the time is used up", "seconds": 0, "rows": []}
    machine = {"device": "NVIDIA H200", "python": "3.12.3", "versions": {"torch": "2.11.0"}}
    machine |= {"peak_bf16_flops": 989.5e12, "peak_source": "its data sheet"}
    told = markdown(
        {"machine": machine, "at": "now", "seconds": 3, "dry": False, "parts": {"ladder": part}}
    )
    assert "skipped: the time is used up" in told
    assert "989.5 TFLOP/s in bfloat16 (its data sheet)" in told
