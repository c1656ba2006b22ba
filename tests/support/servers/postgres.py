"""A PostgreSQL server of a test's own, on 127.0.0.1, with a password."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers.ports import free_port

SECONDS = 60.0


def wait_for(port: int, process: subprocess.Popen[Any], log: Path) -> None:
    """Return when somebody listens on a port; fail with the log when the process ends first."""
    end = time.monotonic() + SECONDS * 3
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail(f"nobody listens on {port}:\n{log.read_text()[-3000:]}")


def programs() -> Path:
    """The folder of PostgreSQL's programs, of its newest version; skips the test without one."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not folders:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    return folders[-1].parent


def _other_user() -> dict[str, Any]:
    """Who runs the server: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL refuses root, and there is no user postgres or nobody")


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server; ``environment`` is what libpq connects with."""

    environment: dict[str, str]
    log: Path
    _programs: Path

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement; its rows, a line each, with | between columns."""
        options = ["--no-psqlrc", "-At", "-v", "ON_ERROR_STOP=1", "-d", database]
        return self.program("psql", *options, "-c", statement)

    def program(self, name: str, *options: str | Path) -> str:
        """Run one of PostgreSQL's programs; what it prints."""
        done = subprocess.run(
            [self._programs / name, *options],
            env={**os.environ, **self.environment}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@contextmanager
def postgres(user: str, password: str) -> Iterator[Postgres]:
    """Start a server whose superuser is ``user``, end it and remove its data with the block."""
    bin_folder, as_other = programs(), _other_user()
    # not below pytest's folder, into which nobody else may look
    place = Path(tempfile.mkdtemp(prefix="unigs-postgres-"))
    try:
        (place / "password").write_text(password)
        if as_other:
            for path in (place, place / "password"):
                os.chown(path, as_other["user"], as_other["group"])
        made = subprocess.run(
            [bin_folder / "initdb", "--pgdata", place / "data", "--username", user,
             "--pwfile", place / "password", "--auth", "scram-sha-256", "--no-sync",
             "--encoding", "UTF8", "--locale", "C"],
            capture_output=True, text=True, cwd=place, **as_other,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        (place / "password").unlink()
        port, log = free_port(), place / "server.log"
        options = {
            "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "",
            "fsync": "off", "shared_buffers": "32MB", "log_statement": "all",
        }  # fmt: skip
        command = [bin_folder / "postgres", "-D", place / "data"]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with log.open("w") as stream:
            server = subprocess.Popen(command, stdout=stream, stderr=stream, cwd=place, **as_other)
        try:
            wait_for(port, server, log)
            connection = {"PGHOST": "127.0.0.1", "PGPORT": f"{port}", "PGUSER": user}
            # it listens before it answers
            ready = [bin_folder / "pg_isready", "--quiet"]
            while subprocess.run(ready, env={**os.environ, **connection}).returncode:
                time.sleep(0.1)
            yield Postgres({**connection, "PGPASSWORD": password}, log, bin_folder)
        finally:
            server.terminate()
            server.wait(SECONDS)
    finally:
        shutil.rmtree(place, ignore_errors=True)
