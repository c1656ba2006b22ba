"""``python -m pipelines.champion``: promote a version by hand, or roll back.

This is what ``unigs promote`` and ``unigs rollback`` start.
"""

import argparse
import json
import sys
import traceback
from dataclasses import asdict

from resources.mlflow.champion import (
    ROLLBACK,
    Reign,
    champion_version,
    crown,
    previous,
    registered_names,
)
from resources.mlflow.connection.access import clear_errors
from resources.mlflow.tracking import Tracking
from resources.store import Store
from unigs.cli.shared.volume import is_verbose
from unigs.errors import ConfigError, DataError, UnigsError


def main(arguments: list[str] | None = None) -> int:
    """Parse ``arguments``, change the champion, say so; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        with clear_errors():
            return _change(options)
    except UnigsError as error:
        if is_verbose():
            traceback.print_exc()
        print(f"unigs {options.action}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines.champion", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    for name in ("promote", "rollback"):
        action = actions.add_parser(name)
        if name == "promote":
            action.add_argument("version")
        action.add_argument("--model", default="")
        action.add_argument("--store", default="")
        action.add_argument("--reason", default="")
        action.add_argument("--json", action="store_true")
    return parser


def _change(options: argparse.Namespace) -> int:
    store = Store(root=options.store)
    tracking = Tracking(store=store)
    if not tracking.has_records():
        raise DataError("no models there", file=store.base, hint="give a store with --store DIR")
    name = _model(tracking, options.model)
    version = options.version if options.action == "promote" else ""
    before, reign = change_champion(tracking, name, version, options.reason)
    if options.json:
        print(json.dumps({"model": name, "before": before, **asdict(reign)}))
    else:
        print(f"{name}: version {reign.version} is the champion (before: {before or 'none'})")
    return 0


def change_champion(
    tracking: Tracking, name: str, version: str, reason: str
) -> tuple[str | None, Reign]:
    """Make a version of a model the champion, or the champion before this one; return the version
    that was champion, and the entry of the history.

    Args:
        version: "" to roll back.

    Raises:
        ConfigError: no such model, or nothing to roll back to. DataError: no such version.
    """
    name = _model(tracking, name)
    before = champion_version(tracking, name)
    chosen = version or previous(tracking, name)
    return before, crown(tracking, name, chosen, "promote" if version else ROLLBACK, reason)


def _model(tracking: Tracking, wanted: str) -> str:
    known = registered_names(tracking)
    if not wanted and len(known) == 1:
        return known[0]
    if wanted not in known:
        fault = f"no model {wanted}" if wanted else f"{len(known)} registered models"
        raise ConfigError(fault, hint=f"give --model, one of: {', '.join(known) or 'none yet'}")
    return wanted


if __name__ == "__main__":
    sys.exit(main())
