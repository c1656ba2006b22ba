"""What says which run is meant, in `unigs run` and `unigs plan`."""

import os
from pathlib import Path
from typing import Annotated

import typer

RunPreset = Annotated[str, typer.Option(help="Preset name or .yaml file.")]
RunDataset = Annotated[
    str, typer.Option(help="Data set name; mix: those of the preset's data.mix.")
]
RunRoot = Annotated[
    str,
    typer.Option(
        metavar="DIR",
        help="Folder of the data set, or s3://bucket/folder (mix: the parent); shapes needs none.",
    ),
]
RunStore = Annotated[
    Path | None, typer.Option(help="Folder for all results [$UNIGS_STORE, else ./store].")
]
RunSteps = Annotated[int, typer.Option(min=0, help="Optimiser steps; 0: the preset's.")]


def store_folder(store: Path | None) -> Path:
    """Return the absolute folder of the store that is meant; it may not exist."""
    return (store or Path(os.environ.get("UNIGS_STORE") or "store")).expanduser().resolve()
