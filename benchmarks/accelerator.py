"""What one accelerator does with UniGS at full size, in one command and under eight minutes.

    python -m benchmarks.accelerator [--out FOLDER]            on an accelerator
    python -m benchmarks.accelerator --dry                     on a CPU: that every part runs
    python -m benchmarks.accelerator --table FOLDER/accelerator.json

Parts: the tests marked `gpu`; training from latents beside the plain inpainting UNet; the ladder of
switches; the autoencoder; sampling beside the plain inpainting pipeline; the networks of
evaluation. All weights are random, all data made up: speed does not depend on them, and nothing is
downloaded.

Each part is a process of its own, with a limit in seconds: it is killed there and what it has
found is kept. A failure is written down as its message, and the other parts go on. FOLDER gets
`accelerator.json`, written anew after every part, and `accelerator.log`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import signal
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.accelerator_parts.table import markdown

# Seconds of each part at most; what one leaves is there for the next ones.
PARTS = {
    "gpu_tests": 80,
    "training": 80,
    "ladder": 215,
    "autoencoder": 35,
    "sampling": 100,
    "evaluators": 30,
}
SECONDS = 460
# A dry run shows that every part runs, on whatever else the processor does.
DRY_PATIENCE = 6
# Dense bfloat16 FLOP/s by the data sheets of NVIDIA's H100 and H200 (SXM: 1,979 TFLOP/s with
# sparsity, of which dense products reach half).
PEAKS = {"H200": 989.5e12, "H100 80GB HBM3": 989.5e12}
PEAK_SOURCE = "NVIDIA H100 and H200 Tensor Core GPU data sheets: 1,979 TFLOP/s with sparsity, / 2"
PACKAGES = ("torch", "diffusers", "transformers", "triton", "numpy", "safetensors")


@dataclass(frozen=True)
class Work:
    """What a part's process is told."""

    part: str
    dry: bool
    folder: Path
    deadline: float


def describe(dry: bool) -> dict[str, Any]:
    """Return what the device is; RuntimeError if it cannot be used."""
    import torch

    found: dict[str, Any] = {
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }
    if dry:
        return found | {"device": "cpu", "memory_bytes": None, "peak_bf16_flops": None}
    if not torch.cuda.is_available():
        raise RuntimeError("no CUDA here: give --dry, or install a driver and a torch for CUDA")
    torch.zeros(1, device="cuda")
    properties = torch.cuda.get_device_properties(0)
    peak = next((value for name, value in PEAKS.items() if name in properties.name), None)
    return found | {
        "device": properties.name,
        "memory_bytes": properties.total_memory,
        "peak_bf16_flops": peak,
        "peak_source": PEAK_SOURCE if peak else None,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


def work(told: Work) -> None:
    """In a process of its own: run a part, or write down what the device is."""
    # With its children, such as the compiler's, it can be killed as one.
    os.setsid()
    log = (told.folder / f"{told.part}.log").open("w", buffering=1)
    sys.stdout = sys.stderr = log
    for number in (1, 2):
        os.dup2(log.fileno(), number)
    file = told.folder / f"{told.part}.rows"
    if told.part == "machine":
        file.write_text(json.dumps(describe(told.dry)))
        return
    import torch

    from benchmarks.accelerator_parts.bench import DRY, Bench, Sizes

    machine = json.loads((told.folder / "machine.rows").read_text())
    bench = Bench(
        device=torch.device("cpu" if told.dry else "cuda"),
        sizes=DRY if told.dry else Sizes(),
        rows=file,
        deadline=told.deadline,
        peak=machine["peak_bf16_flops"],
    )
    import_module(f"benchmarks.accelerator_parts.{told.part}").run(bench)


def one(context: Any, part: str, dry: bool, folder: Path, seconds: float) -> dict[str, Any]:
    """Run one part for at most so many seconds; return its entry of the report.

    Args:
        folder: gets its rows and its log.
    """
    from benchmarks.accelerator_parts.bench import read_rows

    started = time.monotonic()
    # It ends by itself a little before it is killed.
    told = Work(part, dry, folder, started + 0.9 * seconds)
    process = context.Process(target=work, args=(told,))
    process.start()
    process.join(seconds)
    state, reason = "done", None
    if process.is_alive():
        state, reason = "cut", f"stopped after {seconds:.0f} s; rows so far are kept"
        # It is the leader of a group with its children, unless it has not come that far.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()
    elif process.exitcode != 0:
        lines = _log(folder, part).strip().splitlines()
        state, reason = "failed", lines[-1] if lines else f"exit code {process.exitcode}"
    return {
        "state": state,
        "reason": reason,
        "seconds": round(time.monotonic() - started, 1),
        "rows": read_rows(folder / f"{part}.rows"),
    }


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the parts; the report is written after each, and `folder` holds what they leave."""
    options.out.mkdir(parents=True, exist_ok=True)
    logs = options.out / "accelerator.log"
    logs.unlink(missing_ok=True)
    started = time.monotonic()
    patience = DRY_PATIENCE if options.dry else 1
    # Heavy imports once for all parts; where one of them has touched CUDA, each part has its own.
    for method in ("forkserver", "spawn"):
        context = multiprocessing.get_context(method)
        if method == "forkserver":
            context.set_forkserver_preload(
                [f"benchmarks.accelerator_parts.{part}" for part in options.parts]
            )
        machine = one(context, "machine", options.dry, folder, 120 * patience)
        if machine["state"] == "done":
            break
    else:
        raise SystemExit(f"no accelerator: {machine['reason']}")
    report: dict[str, Any] = {
        "dry": options.dry,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine["rows"][0],
        "parts": {},
    }
    for part in options.parts:
        left = patience * options.seconds - (time.monotonic() - started)
        if left < 10:
            entry = {"state": "skipped", "reason": "the time is used up", "seconds": 0, "rows": []}
        else:
            most = min(left, patience * PARTS[part])
            print(f"{part}: at most {most:.0f} s", file=sys.stderr, flush=True)
            entry = one(context, part, options.dry, folder, most)
            with logs.open("a") as log:
                log.write(f"== {part}\n{_log(folder, part)}")
        report["parts"][part] = entry
        report["seconds"] = round(time.monotonic() - started, 1)
        partial = options.out / "accelerator.json.new"
        partial.write_text(json.dumps(report, indent=1) + "\n")
        os.replace(partial, options.out / "accelerator.json")
    return report


def _log(folder: Path, part: str) -> str:
    """What a part wrote, nothing where it did not come that far."""
    file = folder / f"{part}.log"
    return file.read_text() if file.exists() else ""


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def main() -> None:
    """Measure and print, or print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("accelerator"))
    parser.add_argument("--dry", action="store_true", help="on the CPU, at tiny sizes")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for all parts together")
    parser.add_argument("--table", type=Path, help="print a report as Markdown, measure nothing")
    options = parser.parse_args()
    if options.table:
        print(markdown(json.loads(options.table.read_text())))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(markdown(measure(options, Path(folder))))


if __name__ == "__main__":
    main()
