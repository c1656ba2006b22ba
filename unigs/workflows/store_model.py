"""Which model of a store a page starts with: its champion."""

from __future__ import annotations

import json
from pathlib import Path

from unigs.errors import ConfigError, DataError
from unigs.lineage.build_graph import BuildGraph

REGISTERED = "registered.json"


def store_model(store: Path) -> tuple[str, str]:
    """Return where the champion of a store is, and what to call it.

    A joint model goes before those of single tasks, a newer one before an older one. In a store
    without a champion it is the newest model.

    Returns:
        A folder, or the address of a registered version whose folder holds another one by now
        (see `unigs.models.source.resolve_directory`); and a name for people.

    Raises:
        ConfigError: there is no model.
    """
    folders = _model_folders(store)
    try:
        champions = BuildGraph(store).champions()
    except DataError:
        # a store of an earlier version has no history
        champions = set()
    versions = {_version(folder): folder for folder in folders}
    for folder in folders:
        version = _version(folder)
        if version in champions:
            return str(folder), f"{version}, champion"
    for name in sorted(champions - versions.keys(), key=_joint_first):
        return f"models:/{name}", f"{name}, champion"
    if not folders:
        raise ConfigError("no model", file=store, hint="give --model, or train one: unigs run")
    return str(folders[0]), _version(folders[0]) or folders[0].name


def _model_folders(store: Path) -> list[Path]:
    """Return the pipeline folders, the best to start with first."""
    found = [
        file.parent
        for file in store.rglob("model_index.json")
        # a hidden folder is one that is still being built
        if "models" in file.relative_to(store).parts[:2]
        and not any(part.startswith(".") for part in file.relative_to(store).parts)
        and "untrained" not in file.parts
    ]

    def order(folder: Path) -> tuple[bool, float]:
        return "joint" in folder.parts, (folder / "model_index.json").stat().st_mtime

    return sorted(found, key=order, reverse=True)


def _version(folder: Path) -> str:
    """Return ``name/version`` of a registered folder, else ""."""
    for place in (folder, folder.parent):
        try:
            record = json.loads((place / REGISTERED).read_text(encoding="utf-8"))
            return f"{record['name']}/{record['version']}"
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return ""


def _joint_first(version: str) -> tuple[bool, str]:
    return "joint" not in version, version
