"""Memory of a process that reads latents, over the number of samples.

    python -m benchmarks.memory.latents [10000 1000000]

The index is simulated: tables of so many samples over a thousand shards, each of which holds the
bytes of one. Each number is measured in a process of its own, which draws 300 batches of 64. One
JSON object per line.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.data.simulated_latents import simulated_latents
from unigs.latents.stored import LatentStore
from unigs.latents.stream import MixedStream

SHARDS, STEPS = 1000, 300


def resident() -> float:
    """MB of this process that no file backs: what a machine must have for it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    raise SystemExit("needs Linux")


def measure(folder: Path) -> None:
    """Open the latents, draw from them and print what that took."""
    before = resident()
    began = time.perf_counter()
    stream = MixedStream({"inpainting": LatentStore(folder)}, batch_size=64)
    opened = time.perf_counter() - began
    began = time.perf_counter()
    for step in range(STEPS):
        stream.batch(step)
    spent = time.perf_counter() - began
    print(
        json.dumps(
            {
                "samples": len(stream.stores["inpainting"]),
                "before_mb": round(before, 1),
                "resident_mb": round(resident(), 1),
                "descriptors": len(list(Path("/proc/self/fd").iterdir())),
                "open_seconds": round(opened, 2),
                "ms_a_batch": round(1e3 * spent / STEPS, 2),
            }
        )
    )


def main() -> None:
    """Simulate each number of samples and measure it in a process of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "counts", nargs="*", type=int, default=[10**4, 10**6], help="numbers of samples"
    )
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        measure(options.measure)
        return
    for count in options.counts:
        with tempfile.TemporaryDirectory() as folder:
            place = simulated_latents(Path(folder) / "latents", count, SHARDS)
            command = [sys.executable, "-m", "benchmarks.memory.latents", "--measure", str(place)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
