"""The champions of a store's models as they were last changed, by the gate or by hand.

The alias in MLflow decides; this copy is for those who ask the store's records alone.
"""

from __future__ import annotations

import json
from pathlib import Path

from unigs.errors import DataError
from unigs.io.files import writing

FILE = Path("lineage") / "champions.json"


def read_champions(store: Path) -> dict[str, str]:
    """Return the version that is champion by the name of the registered model; none before the
    first.

    Raises:
        DataError: the file holds something else.
    """
    path = store / FILE
    try:
        found = json.loads(path.read_text("utf-8"))
        return {str(name): str(version) for name, version in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"no champions: {error}", file=path, hint="delete it") from error


def note_champion(store: Path, name: str, version: str) -> None:
    """Write down that a version became champion."""
    champions = read_champions(store) | {name: version}
    with writing(store / FILE) as partial:
        partial.write_text(json.dumps(champions, indent=1, sort_keys=True) + "\n", "utf-8")
