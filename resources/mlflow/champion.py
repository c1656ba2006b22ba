"""The champion of a registered model: the alias, and the history of who became it, when and why."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from resources.mlflow.logged_models import require_files
from resources.mlflow.tracking import Tracking
from unigs.errors import ConfigError, DataError
from unigs.lineage.champions import note_champion

CHAMPION = "champion"
# Who makes a version champion that was one before, in the history.
ROLLBACK = "rollback"
_HISTORY = "champion.history"
# How a registered model's page is read.
READING = (
    f"The version in use has the alias `{CHAMPION}`. Which versions had it before, since when, by "
    f"whom and why is in the tag `{_HISTORY}`."
)
# the version that is being made champion, from the history on to the alias
_BEGUN = "champion.begun"
# MLflow takes 5,000 characters in a tag of a registered model.
_CHARACTERS = 5000
_REASON_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Reign:
    """One entry of the history: the ``version`` that became champion, by the gate or by hand."""

    version: str
    at: str
    by: str
    reason: str


def registered_names(tracking: Tracking) -> list[str]:
    """Return the names of the registered models, sorted."""
    return sorted(model.name for model in tracking.client().search_registered_models())


def champion_version(tracking: Tracking, name: str) -> str | None:
    """Return the version that the alias names; None without one."""
    found = tracking.client().search_registered_models(filter_string=f"name = '{name}'")
    return str(found[0].aliases[CHAMPION]) if found and CHAMPION in found[0].aliases else None


def history(tracking: Tracking, name: str) -> list[Reign]:
    """Return the champions of a model, the oldest first; the oldest may have been dropped."""
    tags = tracking.client().get_registered_model(name).tags
    reigns = [Reign(**entry) for entry in json.loads(tags.get(_HISTORY, "[]"))]
    if reigns and reigns[-1].version == tags.get(_BEGUN) != champion_version(tracking, name):
        reigns.pop()  # it was noted, and a kill kept it from becoming champion
    return reigns


def crown(tracking: Tracking, name: str, version: str, by: str, reason: str) -> Reign:
    """Point the alias at a version and note it in the history.

    Args:
        by: ``gate``, ``promote`` or ``rollback``.

    Raises:
        DataError: no such version.
        FilesGone: its files are not there.
    """
    from mlflow.exceptions import MlflowException

    client = tracking.client()
    try:
        require_files(tracking, client.get_model_version(name, version))
    except MlflowException as error:
        known = sorted(int(v.version) for v in client.search_model_versions(f"name = '{name}'"))
        listed = ", ".join(map(str, known)) or "none"
        raise DataError(f"{name} has no version {version}", hint=f"it has {listed}") from error
    reigns = history(tracking, name)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    reigns.append(Reign(version, now, by, reason[:_REASON_CHARACTERS]))
    text = json.dumps([asdict(reign) for reign in reigns])
    while len(text) > _CHARACTERS:
        reigns.pop(0)
        text = json.dumps([asdict(reign) for reign in reigns])
    client.set_registered_model_tag(name, _BEGUN, version)
    client.set_registered_model_tag(name, _HISTORY, text)
    note_champion(tracking.store.folder(), name, version)
    # Last: a gate that broke off before it decides again.
    client.set_registered_model_alias(name, CHAMPION, version)
    client.delete_registered_model_tag(name, _BEGUN)
    return reigns[-1]


def previous(tracking: Tracking, name: str) -> str:
    """Return the version to roll back to: the champion before today's. A second rollback goes
    further back, and one after a promotion goes to what that replaced.

    Raises:
        ConfigError: there was none.
    """
    current = champion_version(tracking, name)
    before: list[str] = []
    for reign in history(tracking, name):
        if reign.by == ROLLBACK and reign.version in before:
            while before[-1] != reign.version:
                before.pop()
        else:
            before.append(reign.version)
    others = [version for version in before if version != current]
    if not others:
        raise ConfigError(
            f"{name} has had no champion before version {current}", hint="unigs promote VERSION"
        )
    return others[-1]
