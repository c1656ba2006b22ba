"""``python -m pipelines.ui``: Dagster and MLflow over one store, side by side on 127.0.0.1."""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pipelines.runner.home import WORKSPACE, prepare_home
from resources.mlflow.tracking import Tracking
from resources.process.launcher import end_group
from resources.store import Store
from unigs.errors import UnigsError
from unigs.workflows.ports import LOCAL as HOST
from unigs.workflows.ports import require_free


def commands(store: Store, dagster_port: int, mlflow_port: int) -> dict[str, list[str]]:
    """Return the two servers' commands by name."""
    scripts = Path(sys.executable).parent
    return {
        "dagster": [
            str(scripts / "dagster"), "dev", "--workspace", str(WORKSPACE),
            "--host", HOST, "--port", str(dagster_port),
        ],
        "mlflow": [
            str(scripts / "mlflow"), "server", "--backend-store-uri", store.tracking_uri,
            "--artifacts-destination", str(store.base / "mlartifacts"), "--workers", "1",
            "--host", HOST, "--port", str(mlflow_port),
        ],
    }  # fmt: skip


def serve(processes: Sequence[Sequence[str]]) -> int:
    """Run the commands until one ends or a signal comes, then end them all; the exit code."""
    started: list[subprocess.Popen] = []
    try:
        for command in processes:
            started.append(subprocess.Popen(command, start_new_session=True))
        while all(process.poll() is None for process in started):
            time.sleep(0.3)
        return next(process.returncode for process in started if process.returncode is not None)
    except KeyboardInterrupt:
        return 0
    finally:
        for process in started:
            end_group(process, grace_seconds=10.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse ``arguments`` and serve until interrupted; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.ui", description=__doc__)
    parser.add_argument("--store", default="", help="default: $UNIGS_STORE, else ./store")
    parser.add_argument("--dagster-port", type=int, default=3000)
    parser.add_argument("--mlflow-port", type=int, default=5000)
    options = parser.parse_args(arguments)
    # SIGINT too: a process that a script starts in the background has it switched off.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    store = Store(root=options.store)
    try:
        require_free(options.dagster_port, HOST, "--dagster-port")
        require_free(options.mlflow_port, HOST, "--mlflow-port")
        prepare_home(store)
        if store.database.exists():
            # update the addresses in the records if the store was moved
            Tracking(store=store).client()
    except UnigsError as error:
        print(f"unigs ui: {error}", file=sys.stderr)
        return 1
    # The job runner of MLflow's server takes 2 GB and serves nothing here.
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    print(f"Dagster http://{HOST}:{options.dagster_port}", file=sys.stderr)
    print(f"MLflow  http://{HOST}:{options.mlflow_port}", file=sys.stderr)
    return serve(list(commands(store, options.dagster_port, options.mlflow_port).values()))


if __name__ == "__main__":
    sys.exit(main())
