"""`unigs rollback`: make the champion before this one the champion again."""

from __future__ import annotations

from typing import Annotated

import typer

from unigs.cli.operate.champion import Model, Reason, Store, change_champion

EXAMPLES = (
    "unigs rollback",
    "unigs rollback --model unigs-shapes-tiny-joint --reason 'it missed small things'",
)


def rollback(
    model: Model = None,
    store: Store = None,
    reason: Reason = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Make the previous champion the champion again; MLflow records it."""
    change_champion(["rollback"], model, store, reason, as_json)
