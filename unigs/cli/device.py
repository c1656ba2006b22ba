"""The option of commands that compute on an accelerator."""

from typing import Annotated

import typer

Device = Annotated[
    str | None,
    typer.Option(help="cpu, cuda, cuda:1, ...; default: the accelerator where there is one."),
]
