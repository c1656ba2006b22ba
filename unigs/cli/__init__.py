"""The ``unigs`` command: one file per subcommand, heavy imports inside the functions."""

import importlib
import sys
from typing import Any

import typer

from unigs.errors import UnigsError, one_line

COMMANDS = (
    "run",
    "plan",
    "codec",
    "data",
    "shards",
    "train",
    "predict",
    "evaluate",
    "score",
    "export",
    "operate.compare",
    "operate.lineage",
    "operate.forget",
    "demo",
    "operate.promote",
    "operate.rollback",
)

app = typer.Typer(
    name="unigs",
    help="Images and entity masks from one diffusion model: data, training, inference, evaluation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# What typer, with or without a click of its own, raises for every wrong use of the command line.
USAGE_ERROR: type[Any] = typer.BadParameter.__mro__[1]


def _register() -> None:
    for module in COMMANDS:
        name = module.rpartition(".")[2]
        command = getattr(importlib.import_module(f"unigs.cli.{module}"), name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)


def main() -> None:
    """Run the command line. What the user can act on becomes one line on stderr: exit code 1 for a
    `UnigsError`, 2 for a wrong use of the command line."""
    _register()
    try:
        code = app(standalone_mode=False)
    except UnigsError as error:
        print(f"unigs: {error}", file=sys.stderr)
        sys.exit(1)
    except USAGE_ERROR as error:
        message = error.format_message()
        # without arguments a group gives its help, which rich has already printed
        if message:
            command = error.ctx.command_path if error.ctx is not None else "unigs"
            print(f"unigs: {one_line(message)} ({command} --help)", file=sys.stderr)
        sys.exit(error.exit_code)
    except typer.Abort:
        print("unigs: interrupted", file=sys.stderr)
        sys.exit(130)
    sys.exit(code or 0)
