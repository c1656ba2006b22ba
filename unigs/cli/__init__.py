"""The ``unigs`` command: one file per subcommand, heavy imports inside the functions."""

import importlib
import sys
import traceback
from typing import Annotated, Any

import typer

from unigs.cli.shared.examples import examples
from unigs.cli.shared.volume import is_verbose, with_volume
from unigs.errors import UnigsError, one_line

#: Commands by what people want, as `unigs --help` groups them.
COMMANDS = {
    "Get started": ("start.init", "start.fetch"),
    "See the data": ("data", "codec", "shards"),
    "Train and evaluate": ("run", "plan", "train", "evaluate", "score", "operate.compare"),
    "Use a model": ("predict", "demo", "export"),
    "Operate a store": (
        "operate.doctor",
        "operate.lineage",
        "operate.forget",
        "operate.promote",
        "operate.rollback",
        "operate.store",
    ),
}

app = typer.Typer(
    name="unigs",
    help="Images and entity masks from one diffusion model: data, training, inference, evaluation.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)

# What typer, with or without a click of its own, raises for every wrong use of the command line.
USAGE_ERROR: type[Any] = typer.BadParameter.__mro__[1]


def _print_version(asked: bool) -> None:
    if asked:
        from unigs import __version__

        print(f"unigs {__version__}")
        raise typer.Exit()


@app.callback(no_args_is_help=True)
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    # Without a docstring: the help is that of the app.
    pass


def _register() -> None:
    if app.registered_commands:
        return
    for panel, modules in COMMANDS.items():
        for module in modules:
            name = module.rpartition(".")[2]
            file = importlib.import_module(f"unigs.cli.{module}")
            command = getattr(file, name)
            if isinstance(command, typer.Typer):
                for one in command.registered_commands:
                    assert one.callback is not None
                    one.callback = with_volume(one.callback)
                app.add_typer(command, name=name, rich_help_panel=panel)
            else:
                epilog = examples(*file.EXAMPLES)
                app.command(name, rich_help_panel=panel, epilog=epilog)(with_volume(command))


def main() -> None:
    """Run the command line. What the user can act on becomes one line on stderr: exit code 1 for a
    `UnigsError`, 2 for a wrong use of the command line."""
    _register()
    try:
        code = app(standalone_mode=False)
    except UnigsError as error:
        if is_verbose():
            traceback.print_exc()
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
