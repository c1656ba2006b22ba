"""The ``unigs`` command: one file per subcommand, heavy imports inside the functions."""

import importlib
import sys

import typer

from unigs.errors import UnigsError

COMMANDS = (
    "run",
    "codec",
    "data",
    "shards",
    "train",
    "predict",
    "evaluate",
    "score",
    "export",
    "demo",
)

app = typer.Typer(
    name="unigs",
    help="Images and entity masks from one diffusion model: data, training, inference, judgement.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _register() -> None:
    for name in COMMANDS:
        command = getattr(importlib.import_module(f"unigs.cli.{name}"), name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)


def main() -> None:
    """Run the command line; a `UnigsError` becomes one line and exit code 1."""
    _register()
    try:
        app()
    except UnigsError as error:
        print(f"unigs: {error}", file=sys.stderr)
        sys.exit(1)
