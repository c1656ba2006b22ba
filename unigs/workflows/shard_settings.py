"""What a preset takes from the shards that are trained on: it cannot be otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unigs.errors import ConfigError, DataError
from unigs.shards.manifest import read_manifest

# Of a preset, and of the options in a manifest.
_SETTINGS = {"codec.palette": "palette", "data.size": "size"}


def settings_of_shards(folders: Mapping[str, Path], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the palette and the size of the samples, as settings of a preset.

    Args:
        folders: of pixel shards, by task.
        changes: what else is set; it may repeat them.

    Raises:
        DataError: shards of another task, or latents.
        ConfigError: two folders differ, or ``changes`` say otherwise.
    """
    found: dict[str, Any] = {}
    for task, folder in folders.items():
        manifest = read_manifest(folder)
        options = manifest.configuration.get("options")
        if options is None:
            raise DataError(
                "holds latents", file=folder, hint="give the shards they were made from"
            )
        if manifest.task != task:
            raise DataError(f"holds samples of {manifest.task}, not of {task}", file=folder)
        for name, option in _SETTINGS.items():
            value, before = options[option], found.get(name, changes.get(name))
            if before not in (None, value):
                other = "the settings" if name not in found else "the other shards"
                raise ConfigError(
                    f"{name} is {value} in these shards and {before} in {other}",
                    file=folder,
                    hint="build them with the same options",
                )
            found[name] = value
    return found
