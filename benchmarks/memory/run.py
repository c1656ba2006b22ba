"""The largest memory of any process of a command, children and theirs included.

    python -m benchmarks.memory.run unigs run --preset tiny

Prints, at the end, the ten largest processes by their peak resident memory as the kernel counts it
(looked at every half second, so the last half second of a process may be missing), and the largest
sum over all of them at one time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time

import psutil

POLL_SECONDS = 0.5
SHOWN = 10


def peak_bytes(process: psutil.Process) -> int:
    """VmHWM of a live process."""
    with open(f"/proc/{process.pid}/status") as lines:
        for line in lines:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def descendants(root: psutil.Process) -> list[psutil.Process]:
    """The command and all it started, detached ones included: they carry its mark."""
    mark = f"UNIGS_RUN_MEMORY={os.getpid()}"
    found = []
    for process in psutil.process_iter():
        try:
            with open(f"/proc/{process.pid}/environ") as handle:
                if mark in handle.read().split("\0"):
                    found.append(process)
        except (OSError, psutil.Error):
            continue
    return found or [root]


def main() -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", nargs=argparse.REMAINDER, help="with all its arguments")
    command = parser.parse_args().command
    if not command:
        parser.error("no command is given")
    environment = os.environ | {"UNIGS_RUN_MEMORY": str(os.getpid())}
    start = time.monotonic()
    child = subprocess.Popen(command, env=environment)
    root = psutil.Process(child.pid)
    peaks: dict[tuple[int, float], tuple[int, str]] = {}
    together = 0
    while child.poll() is None:
        total = 0
        for process in descendants(root):
            try:
                key = (process.pid, process.create_time())
                peaks[key] = (peak_bytes(process), " ".join(process.cmdline())[-80:])
                total += process.memory_info().rss
            except (OSError, psutil.Error):
                continue
        together = max(together, total)
        time.sleep(POLL_SECONDS)
    print(f"{time.monotonic() - start:.0f} s, exit code {child.returncode}")
    for peak, name in sorted(peaks.values(), reverse=True)[:SHOWN]:
        print(f"{peak / 1e9:6.2f} GB  ...{name}")
    print(f"{together / 1e9:6.2f} GB  resident at one time in all processes (shared pages twice)")
    return child.returncode


if __name__ == "__main__":
    raise SystemExit(main())
