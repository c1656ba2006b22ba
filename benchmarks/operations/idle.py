"""Processor time of both interfaces over a store where nothing happens, process by process.

    python -m benchmarks.operations.idle --store STORE [--seconds 120] [--settle 75]
        [--run DATASET-PRESET]

Starts ``python -m pipelines.ui`` on free ports, lets it settle and compares what the kernel has
counted for each of its processes, before and after. That is time of the processor, not of the
clock: other work on the machine changes it little. Sensors and schedules are as the store's records
have them: switch on what is to be measured before.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter

import psutil

from unigs.workflows.ports import LOCAL

# What is in the command of a process -> what it is called in the table, the first that is found.
NAMES = {
    "dagster_webserver": "pages of Dagster",
    "dagster._daemon": "daemon",
    "code-server start": "code location, proxy",
    "api grpc": "code location",
    "dagster dev": "start of Dagster",
    "pipelines.ui": "start of both",
    "mlflow": "MLflow",
}
# The goal is for these: what acts while nobody looks at a page.
ACTING = ("daemon", "code location, proxy", "code location", "start of Dagster")
_START_SECONDS = 240.0


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody listens at."""
    probes = [socket.create_server((LOCAL, 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def name_of(command: str) -> str:
    """Return what a process is called in the table, ``other`` for one that is not known."""
    return next((name for part, name in NAMES.items() if part in command), "other")


def spent(root: psutil.Process) -> dict[int, tuple[str, float]]:
    """Return, by id, the name of a process and of each below it, and its CPU seconds so far."""
    found = {}
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
            found[process.pid] = name_of(" ".join(process.cmdline())), times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return found


def wait_for(address: str, servers: subprocess.Popen) -> None:
    """Wait until a page answers; raise RuntimeError when its server ends or takes minutes."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and servers.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError(f"{address} does not answer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", required=True, help="of a run that is finished")
    parser.add_argument("--seconds", type=float, default=120.0, help="that are measured")
    parser.add_argument("--settle", type=float, default=75.0, help="seconds before, not measured")
    parser.add_argument("--run", action="append", default=[], help="more runs to serve")
    options = parser.parse_args()
    ports = free_ports(2)
    command = [sys.executable, "-m", "pipelines.ui", "--store", options.store]
    command += ["--dagster-port", str(ports[0]), "--mlflow-port", str(ports[1])]
    for run in options.run:
        command += ["--run", run]
    servers = subprocess.Popen(command)
    try:
        for port in ports:
            wait_for(f"http://{LOCAL}:{port}", servers)
        time.sleep(options.settle)
        root = psutil.Process(servers.pid)
        before, began = spent(root), time.monotonic()
        time.sleep(options.seconds)
        after, took = spent(root), time.monotonic() - began
    finally:
        servers.send_signal(signal.SIGINT)
        servers.wait()
    shares: Counter[str] = Counter()
    for process, (name, seconds) in after.items():
        shares[name] += (seconds - before.get(process, (name, 0.0))[1]) / took
    for name, share in shares.most_common():
        print(f"{share:7.2%} of a core  {name}")
    print(f"{sum(shares[name] for name in ACTING):7.2%} of a core  daemon and code locations")
    print(f"{shares.total():7.2%} of a core  everything, {took:.0f} s on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
