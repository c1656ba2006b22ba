"""`--quiet` and `--verbose`, which every command takes."""

from __future__ import annotations

import functools
import inspect
import logging
import os
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
#: Set by `--verbose`; the processes that a command starts read it too.
VERBOSE = "UNIGS_VERBOSE"
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="What the library notes, and where an error is from."),
]


def with_volume(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--quiet` and `--verbose` to a command."""

    @functools.wraps(command)
    def louder(*arguments: Any, quiet: bool = False, verbose: bool = False, **options: Any) -> Any:
        if quiet:
            # tqdm reads it when it is imported, which commands do not before they run
            os.environ["TQDM_DISABLE"] = "1"
        if verbose:
            os.environ[VERBOSE] = "1"
            logging.basicConfig(format="%(name)s: %(message)s")
            logging.getLogger("unigs").setLevel(logging.DEBUG)
        return command(*arguments, **options)

    added = {"quiet": Quiet, "verbose": Verbose}
    # texts become types here, where the names they use are known
    hints = get_type_hints(command, include_extras=True)
    louder.__annotations__ = {**hints, **added}
    known = inspect.signature(command)
    louder.__signature__ = known.replace(  # type: ignore[attr-defined]
        parameters=[
            *(one.replace(annotation=hints[name]) for name, one in known.parameters.items()),
            *(
                inspect.Parameter(
                    name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind
                )
                for name, kind in added.items()
            ),
        ]
    )
    return louder


def is_quiet() -> bool:
    """Whether `--quiet` was given, or tqdm was switched off by its variable."""
    return bool(os.environ.get("TQDM_DISABLE"))


def is_verbose() -> bool:
    """Whether `--verbose` was given, to this command or to the one that started this process."""
    return bool(os.environ.get(VERBOSE))
