import socket

import pytest
import typer
from typer.testing import CliRunner

from unigs.cli.demo import demo
from unigs.errors import ConfigError

app = typer.Typer()
app.command()(demo)


def test_a_port_in_use_is_told_with_the_next_free_one(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["--port", str(port), "--model", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
    found = str(result.exception)
    assert f"port {port} of 127.0.0.1 is in use (give --port " in found
    offered = int(found.rpartition(" ")[2].rstrip(")"))
    assert port < offered < 65536


@pytest.mark.parametrize("port", ["0", "70000", "a"])
def test_no_port_is_a_wrong_use(port):
    assert CliRunner().invoke(app, ["--port", port]).exit_code == 2
