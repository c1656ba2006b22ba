"""``python -m pipelines.ui``: Dagster and MLflow over one store, side by side on 127.0.0.1."""

import argparse
import fcntl
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg

from pipelines.runner.home import WORKSPACE, prepare_home
from pipelines.runner.lost import end_lost_runs
from resources.mlflow.links import DAGSTER_VARIABLE, MLFLOW_VARIABLE, experiments_url
from resources.mlflow.tracking import Tracking
from resources.process.launcher import end_group
from resources.run_settings import absolute, absolute_preset
from resources.store import Store
from unigs.errors import ConfigError, UnigsError
from unigs.workflows.ports import LOCAL as HOST
from unigs.workflows.ports import require_free

# What servers and definitions of assets say about themselves at each start: nothing to act on.
_QUIET = (
    "Function `dev_command` is superseded",
    "Parameter `backfill_policy` of function `asset`",
    "starlette.middleware.wsgi is deprecated",
)

# Nor lines of theirs that no setting takes away: the first of the daemon over a store that it has
# not seen, the second of MLflow on the loopback, the others of runs, whose pages show them.
_KNOWN = (
    "No cursor for event type",
    "Security middleware enabled with default settings",
    " - dagster - DEBUG - ",
    " - dagster - INFO - ",
)


def commands(store: Store, dagster_port: int, mlflow_port: int) -> dict[str, list[str]]:
    """Return the two servers' commands by name; Dagster's alone where the records are on an MLflow
    server, which has pages of its own."""
    scripts, workspace_file = Path(sys.executable).parent, store.dagster_home / WORKSPACE.name
    found = {
        "dagster": [
            str(scripts / "dagster"), "dev", "--workspace", str(workspace_file),
            "--host", HOST, "--port", str(dagster_port), "--log-level", "warning",
        ],
        "mlflow": [
            str(scripts / "mlflow"), "server", "--backend-store-uri", store.tracking_uri,
            "--registry-store-uri", store.tracking_uri, "--workers", "1",
            "--artifacts-destination", str(store.base / "mlartifacts"),
            "--host", HOST, "--port", str(mlflow_port), "--uvicorn-opts", "--log-level warning",
        ],
    }  # fmt: skip
    if Tracking(store=store).on_server:
        del found["mlflow"]
    return found


def serve(
    processes: Sequence[Sequence[str]],
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run the commands in ``folder`` until one ends or a signal comes, then end them all.

    Returns the exit code: 0 after a signal, else that of the server which ended, never 0: nobody
    had asked it to.
    """
    started: list[subprocess.Popen[str]] = []
    readers: list[threading.Thread] = []
    asked_to_end = threading.Event()
    try:
        for command in processes:
            started.append(
                subprocess.Popen(
                    command, start_new_session=True, cwd=folder, env=environment,
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                )
            )  # fmt: skip
            given = [started[-1], asked_to_end]
            readers.append(threading.Thread(target=_pass_on, args=given, daemon=True))
            readers[-1].start()
        while all(process.poll() is None for process in started):
            time.sleep(0.3)
        return next(process.returncode for process in started if process.poll() is not None) or 1
    except KeyboardInterrupt:
        asked_to_end.set()
        return 0
    finally:
        with _unhurried():
            for process in started:
                end_group(process, grace_seconds=10.0)
        for reader in readers:  # for the last lines
            reader.join(timeout=5.0)


@contextmanager
def _unhurried() -> Iterator[None]:
    """Let a second Ctrl-C wait: it would leave servers behind, at work."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _pass_on(process: subprocess.Popen[str], asked_to_end: threading.Event) -> None:
    """Print what a server and its children say, but for what they say at each start, and for the
    stack traces with which they end when they are asked to."""
    assert process.stdout is not None
    for line in process.stdout:
        if not asked_to_end.is_set() and not any(known in line for known in _KNOWN):
            # a terminal that is gone or a full disk: the servers must be able to go on writing
            with suppress(OSError, ValueError):
                sys.stderr.write(line)
                sys.stderr.flush()


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the store's lock: its runs are queued and monitored by one daemon, not by two.

    Raises:
        ConfigError: the interfaces of this store are open already.
    """
    with (home / "ui.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(f"the interfaces of {home.parent} are open already") from error
        yield


def environment(dagster_port: int, mlflow_port: int) -> dict[str, str]:
    """Return the servers' environment: where each finds the other, and the code location."""
    # The job runner of MLflow's server takes 2 GB and serves nothing here.
    found = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    found[DAGSTER_VARIABLE] = f"http://{HOST}:{dagster_port}"
    found[MLFLOW_VARIABLE] = f"http://{HOST}:{mlflow_port}"
    # The servers run in another folder than the one that these names are from.
    if root := found.get("UNIGS_ROOT"):
        found["UNIGS_ROOT"] = absolute(root)
    if preset := found.get("UNIGS_PRESET"):
        found["UNIGS_PRESET"] = absolute_preset(preset)
    found["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(WORKSPACE.parents[1]), os.environ.get("PYTHONPATH")))
    )
    found["PYTHONWARNINGS"] = ",".join(f"ignore:{message}" for message in _QUIET)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse ``arguments`` and serve until interrupted; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.ui", description=__doc__)
    parser.add_argument("--store", default="", help="default: $UNIGS_STORE, else ./store")
    parser.add_argument("--dagster-port", type=int, default=3000)
    parser.add_argument("--mlflow-port", type=int, default=5000)
    parser.add_argument(
        "--run", action="append", default=[], metavar="DATASET-PRESET",
        help="show the assets of this run too; repeatable",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    for message in _QUIET:
        warnings.filterwarnings("ignore", re.escape(message))
    # SIGINT too: a process that a script starts in the background has it switched off.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    store = Store(root=options.store)
    try:
        return _serve_store(store, options.run, options.dagster_port, options.mlflow_port)
    except UnigsError as error:
        print(f"unigs ui: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # while they start
        return 0


def _serve_store(store: Store, asked: Sequence[str], dagster_port: int, mlflow_port: int) -> int:
    ports = {"--dagster-port": dagster_port, "--mlflow-port": mlflow_port}
    for option, port in ports.items():
        require_free(port, HOST, option)
    if dagster_port == mlflow_port:
        raise ConfigError("one port for two servers", hint=f"give two with {' and '.join(ports)}")
    # the definitions of all assets: late, when what they say at their import is silenced
    from pipelines.locations import (
        VARIABLE,
        hand_over,
        handed_over,
        said_of,
        served,
        unserved,
        workspace,
    )

    home = prepare_home(store)
    with alone(home):
        if store.database.exists():
            # update the addresses in the records if the store was moved
            Tracking(store=store).client()
        with dg.DagsterInstance.get() as instance:
            for lost in end_lost_runs(instance, store):
                print(f"run {lost} was killed: it is listed as failed now", file=sys.stderr)
            noted = home / "served.json"
            before = handed_over(noted.read_text("utf-8") if noted.is_file() else "")
            runs = served(instance, asked, before)
            for name in unserved(instance, runs):
                print(
                    f"{name} is switched on and not served, for its settings are not known: "
                    "serve it once with UNIGS_DATASET, UNIGS_PRESET and UNIGS_ROOT",
                    file=sys.stderr,
                )
        noted.write_text(hand_over(runs)[VARIABLE], encoding="utf-8")
        (home / WORKSPACE.name).write_text(workspace(runs), encoding="utf-8")
        servers = environment(dagster_port, mlflow_port) | hand_over(runs)
        for one in runs:
            print(f"run     {said_of(one)}", file=sys.stderr)
        if (tracking := Tracking(store=store)).on_server:
            servers[MLFLOW_VARIABLE] = tracking.tracking_uri
        print(f"Dagster {servers[DAGSTER_VARIABLE]}", file=sys.stderr)
        print(f"MLflow  {experiments_url(servers[MLFLOW_VARIABLE])}", file=sys.stderr)
        found = commands(store, dagster_port, mlflow_port)
        # in that folder: Dagster warns of every dagster.yaml that it sees beside the one in use
        return serve(list(found.values()), home, servers)


if __name__ == "__main__":
    sys.exit(main())
