import socket

import pytest
import typer
from typer.testing import CliRunner

from unigs.cli.demo import LOGIN, demo
from unigs.errors import ConfigError

app = typer.Typer()
app.command()(demo)


def fault(*arguments):
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert isinstance(result.exception, ConfigError), result.output
    return str(result.exception)


def test_a_port_in_use_is_told_with_the_next_free_one(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = fault("--port", port, "--model", tmp_path)
    assert f"port {port} of 127.0.0.1 is in use (give --port " in found
    offered = int(found.rpartition(" ")[2].rstrip(")"))
    assert port < offered < 65536


@pytest.mark.parametrize("port", ["0", "70000", "a"])
def test_no_port_is_a_wrong_use(port):
    assert CliRunner().invoke(app, ["--port", port]).exit_code == 2


def test_where_others_reach_it_a_login_is_needed(tmp_path, monkeypatch):
    monkeypatch.delenv(LOGIN, raising=False)
    found = fault("--address", "0.0.0.0", "--model", tmp_path)
    assert found == f"others reach 0.0.0.0, and no login is set (set {LOGIN}=NAME:PASSWORD)"
    for wrong in ("ada", "ada:", ":secret"):
        monkeypatch.setenv(LOGIN, wrong)
        assert "is no login" in fault("--address", "0.0.0.0", "--model", tmp_path)
        assert "secret" not in fault("--address", "0.0.0.0", "--model", tmp_path)


def test_an_empty_store_is_told(tmp_path):
    assert "unigs run" in fault("--store", tmp_path)
