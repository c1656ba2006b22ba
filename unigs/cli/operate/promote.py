"""`unigs promote`: make a registered version the champion."""

from __future__ import annotations

from typing import Annotated

import typer

from unigs.cli.operate.champion import Model, Reason, Store, change_champion

EXAMPLES = (
    "unigs promote 3 --reason 'sharper edges'",
    "unigs promote 3 --model unigs-shapes-tiny-joint --store /data/store",
)


def promote(
    version: Annotated[int, typer.Argument(min=1, help="Version of the registered model.")],
    model: Model = None,
    store: Store = None,
    reason: Reason = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Make a version the champion, whatever the gate decided; MLflow records it."""
    change_champion(["promote", str(version)], model, store, reason, as_json)
