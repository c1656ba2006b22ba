"""Every command shows two examples in its help, which are right, and takes the common options."""

import re
import shlex

import pytest
import typer
from typer.testing import CliRunner

from unigs import cli


def commands():
    """Yield (the words of a command, its click command) of all that there are."""
    cli._register()
    queue = [((), typer.main.get_command(cli.app))]
    while queue:
        words, command = queue.pop()
        if hasattr(command, "commands"):
            queue += [((*words, name), below) for name, below in command.commands.items()]
        else:
            yield words, command


ALL = sorted(commands(), key=lambda found: found[0])


def test_there_are_commands():
    assert len(ALL) > 20


@pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) for words, _ in ALL])
def test_two_examples_that_the_command_takes(words, command):
    start = " ".join(("unigs", *words, ""))
    given = [line.strip() for line in (command.epilog or "").split("\n\n")[1:]]
    assert len(given) >= 2
    for line in given:
        assert f"{line} ".startswith(start)
        arguments = shlex.split(line)[len(words) + 1 :]
        # the folders of an example are the reader's
        try:
            command.make_context(words[-1], arguments)
            fault = "does not exist"
        except cli.USAGE_ERROR as error:
            fault = error.format_message()
        assert "does not exist" in fault


@pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) for words, _ in ALL])
def test_each_takes_what_scripts_and_people_ask_of_it(words, command):
    known = {option for parameter in command.params for option in parameter.opts}
    assert {"--json", "--quiet", "-q", "--verbose", "-v"} <= known


def test_the_help_shows_them():
    shown = CliRunner().invoke(cli.app, ["shards", "verify", "--help"]).stdout
    assert re.search(r"unigs shards verify shards/entity\s", shown)
