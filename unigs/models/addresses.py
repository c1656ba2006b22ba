"""Addresses of models that others resolve: entry points of the group `unigs.sources`."""

from importlib.metadata import entry_points
from pathlib import Path

from unigs.errors import ModelError


def resolved_elsewhere(address: str, scheme: str) -> Path:
    """Return the folder of a model by the function that a package offers for a scheme.

    Raises:
        ModelError: no package here offers one, or it lacks what it needs.
    """
    for point in entry_points(group="unigs.sources", name=scheme):
        try:
            find = point.load()
        except ImportError as error:
            raise ModelError(f"{address}: {error}", hint="pip install 'unigs[pipeline]'") from error
        return Path(find(address))
    raise ModelError(
        f"{address}: nothing here knows addresses of {scheme}:",
        hint="give a folder or a Hub id; models: comes with an installed unigs[pipeline]",
    )
