"""Old versions of registered models, and copies of a server's versions: which can go, and how."""

from collections.abc import Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from resources.mlflow.champion import champion_version, previous, registered_names
from resources.mlflow.logged_models import delete_logged, stored_folder
from resources.mlflow.registry import DOWNLOADS, MODEL_ID
from resources.mlflow.tracking import Tracking
from unigs.errors import ConfigError


@dataclass(frozen=True, slots=True)
class OldVersion:
    """A version that can go: ``folder`` is the copy in the store, the registry's or one that was
    fetched from a server, None without one."""

    name: str
    version: str
    model_id: str
    folder: Path | None


def old_versions(tracking: Tracking, keep: int, named: Set[str]) -> list[OldVersion]:
    """List the versions of all models but those that somebody needs: the champion, the one to roll
    back to, the newest ``keep``, and ``named``.

    Args:
        named: ``name/version`` of versions that records of the store speak of.
    """
    client = tracking.client()
    found: list[OldVersion] = []
    kept: set[str] = set()
    for name in registered_names(tracking):
        versions = sorted(
            client.search_model_versions(f"name = '{name}'"), key=lambda each: int(each.version)
        )
        needed = {str(each.version) for each in versions[max(0, len(versions) - keep) :]}
        needed |= {each for each in (champion_version(tracking, name),) if each}
        aliases = client.get_registered_model(name).aliases
        needed |= {str(version) for version in aliases.values()}
        with suppress(ConfigError):  # there was no champion before this one
            needed.add(previous(tracking, name))
        for each in versions:
            version, model_id = str(each.version), each.model_id or each.tags.get(MODEL_ID, "")
            if version in needed or f"{name}/{version}" in named:
                kept.add(model_id)
            else:
                folder = stored_folder(tracking, model_id) if model_id else None
                found.append(OldVersion(name, version, model_id, folder))
    # A version that was copied to another model shares its files.
    return [one for one in found if not one.model_id or one.model_id not in kept]


def unused_copies(tracking: Tracking, named: Set[str], before: float) -> list[Path]:
    """List the store's copies of a server's versions that were fetched before some time and that
    neither an alias of the server nor ``named`` speaks of. They can be fetched again.

    Args:
        named: as of `old_versions`.
        before: in seconds as `time.time` counts.
    """
    client, known = tracking.client(), set(registered_names(tracking))
    found = []
    for folder in sorted((tracking.store.base / DOWNLOADS).glob("*/*")):
        name, version = folder.parent.name, folder.name.partition("-")[0]
        aliases = client.get_registered_model(name).aliases if name in known else {}
        used = version in map(str, aliases.values()) or f"{name}/{version}" in named
        if not used and not folder.name.startswith(".") and folder.stat().st_mtime < before:
            found.append(folder)
    return found


def delete_version(tracking: Tracking, old: OldVersion) -> None:
    """Remove a version from the registry, its logged model from the records, and its files."""
    tracking.client().delete_model_version(old.name, old.version)
    if old.model_id:
        delete_logged(tracking, old.model_id)
