"""A data set with a sensor, whose clock a test sets; and servers that alerts go to."""

import socketserver
import time
from collections.abc import Iterator
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers.alert_receivers import Hook, Mail, serving

# Part of each address: a secret that must be found nowhere.
CANARY = "canary-7f3a91"


class Clock:
    """The sensor's: a minute later at each look, and moved by ``ahead`` seconds as a test says."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        self.ahead += 60.0
        return time.time() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    from pipelines.automation import sensors

    clock = Clock()
    monkeypatch.setattr(sensors, "time", clock)
    return clock


@pytest.fixture
def place(tmp_path: Path, clock: Clock) -> Iterator[Any]:
    import dagster as dg

    from tests.support.runs.arrivals import Place

    with dg.DagsterInstance.ephemeral() as instance:
        yield Place(tmp_path, instance)


@pytest.fixture
def quick_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels that do not wait, of which none is configured."""
    from pipelines.automation import channels

    monkeypatch.setattr(channels, "_WAIT_SECONDS", 0.0)
    for name in (channels.WEBHOOK, channels.SMTP, channels.SENDER, channels.RECIPIENTS):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hook(quick_channels: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    from pipelines.automation import channels

    server = HTTPServer(("127.0.0.1", 0), Hook)
    server.code = 200  # type: ignore[attr-defined]
    address = f"http://127.0.0.1:{server.server_port}/{CANARY}"
    monkeypatch.setenv(channels.WEBHOOK, address)
    yield from serving(server)


@pytest.fixture
def mail(quick_channels: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[socketserver.TCPServer]:
    from pipelines.automation import channels

    server = socketserver.TCPServer(("127.0.0.1", 0), Mail)
    server.auth = b"235 welcome\r\n"  # type: ignore[attr-defined]
    port = server.server_address[1]
    monkeypatch.setenv(channels.SMTP, f"smtp://me:{CANARY}@127.0.0.1:{port}")
    monkeypatch.setenv(channels.RECIPIENTS, "lab@example.org")
    yield from serving(server)
