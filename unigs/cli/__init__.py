"""The ``unigs`` command: one file per subcommand, heavy imports inside the functions."""

import importlib
import sys

import click
import typer

from unigs.errors import UnigsError, one_line

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
    help="Images and entity masks from one diffusion model: data, training, inference, evaluation.",
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
    """Run the command line. What the user can act on becomes one line on stderr: exit code 1 for a
    `UnigsError`, 2 for a wrong use of the command line."""
    _register()
    try:
        code = app(standalone_mode=False)
    except UnigsError as error:
        print(f"unigs: {error}", file=sys.stderr)
        sys.exit(1)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "unigs"
        print(f"unigs: {one_line(error.format_message())} ({command} --help)", file=sys.stderr)
        sys.exit(error.exit_code)
    except click.Abort:
        print("unigs: interrupted", file=sys.stderr)
        sys.exit(130)
    sys.exit(code or 0)
