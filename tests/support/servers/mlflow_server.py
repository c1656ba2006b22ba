"""An MLflow server of its own, which a test can kill and start again."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.servers.ports import free_port


def free_address() -> str:
    """Return the address of a port that nobody listens on."""
    return f"http://127.0.0.1:{free_port()}"


class MlflowServer:
    """A server of its own database, which can be killed and started again."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address = folder, address
        self.start()

    def start(self) -> None:
        command = [
            str(Path(sys.executable).with_name("mlflow")), "server",
            "--backend-store-uri", f"sqlite:///{self.folder}/records.db",
            "--artifacts-destination", str(self.folder / "artifacts"), "--workers", "1",
            "--host", "127.0.0.1", "--port", self.address.rpartition(":")[2],
        ]  # fmt: skip
        with (self.folder / "server.log").open("a") as log:
            environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        port = int(self.address.rpartition(":")[2])
        end = time.monotonic() + 240
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.1)
        pytest.fail((self.folder / "server.log").read_text()[-2000:])

    def kill(self) -> None:
        os.killpg(self.process.pid, 9)
        self.process.wait()
