"""The history of a built folder: one JSON line per build, with the inputs it was built from.

``kept.json`` of a folder holds the fingerprint of the inputs of its present content. The history,
``.NAME.history.jsonl`` beside the folder, holds the inputs themselves, of the present build and of
every build before it: what a model was trained on is known after its shards were built again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unigs.io.files import replacing

RECORD = "kept.json"
ENDING = ".history.jsonl"
# In the metadata of a protocol: folder below it -> digest of its shards.
PARTS = "parts"
# The file `note_build` writes has these of a record, the inputs and the time.
_OF_RECORD = ("digest", "fingerprint", "metadata")


@dataclass(frozen=True, slots=True, eq=False)
class Build:
    """One build of a folder.

    Attributes:
        folder: relative to the store: ``<dataset>-<preset>/<stage>/<name>``.
        digest: of the content that was built.
        fingerprint: SHA-256 over the inputs.
        inputs: digests and settings that the content depends on, as JSON values.
        metadata: counts, versions and MLflow ids, as JSON values.
        time: end of the build, ISO 8601 in UTC.
        current: the content has not been replaced since.
    """

    folder: str
    digest: str
    fingerprint: str
    inputs: Mapping[str, Any]
    metadata: Mapping[str, Any]
    time: str
    current: bool

    @property
    def run(self) -> str:
        """``<dataset>-<preset>``."""
        return self.folder.split("/")[0]

    @property
    def stage(self) -> str:
        """``scenes``, ``shards``, ``weights``, ..."""
        return self.folder.split("/")[1]

    @property
    def name(self) -> str:
        """What follows the stage, e.g. ``train/entity``; "" for a stage of one folder."""
        return "/".join(self.folder.split("/")[2:])

    @property
    def version(self) -> str:
        """``name/version`` of a registered model, else ""."""
        if self.stage != "models" or "version" not in self.metadata:
            return ""
        return f"{self.metadata['name']}/{self.metadata['version']}"


def history_file(folder: Path) -> Path:
    """Return the history of a folder, which may not exist."""
    return folder.with_name(f".{folder.name}{ENDING}")


def note_build(folder: Path, inputs: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Append a finished build to the history of its folder, unless it is the last one noted.

    The caller holds the lock of the folder.

    Args:
        inputs: all that the fingerprint was taken over.
        record: the content of the folder's ``kept.json``.
    """
    file = history_file(folder)
    said = {**{name: record[name] for name in _OF_RECORD}, "inputs": inputs}
    # through JSON, so that a tuple is what is read again
    build = json.loads(json.dumps(said))
    lines = list(_lines(file))
    if lines and _text({**lines[-1], "time": ""}) == _text({**build, "time": ""}):
        return
    ended = datetime.fromtimestamp((folder / RECORD).stat().st_mtime, UTC)
    lines.append({**build, "time": ended.isoformat(timespec="seconds")})
    with replacing(file) as partial:
        partial.write_text("".join(f"{_text(line)}\n" for line in lines), encoding="utf-8")


def read_history(store: Path, file: Path) -> list[Build]:
    """Return the builds of a history, oldest first, each content once; [] for a broken file."""
    name = file.name.removeprefix(".").removesuffix(ENDING)
    folder = file.with_name(name)
    last: dict[tuple[str, str, str], dict[str, Any]] = {}
    lines = list(_lines(file))
    for line in lines:
        version = str(line["metadata"].get("version", ""))
        last[line["fingerprint"], line["digest"], version] = line
    there = (folder / RECORD).is_file()
    return [
        Build(
            folder=folder.relative_to(store).as_posix(),
            digest=line["digest"],
            fingerprint=line["fingerprint"],
            inputs=line["inputs"],
            metadata=line["metadata"],
            time=line["time"],
            current=there and line is lines[-1],
        )
        for line in last.values()
    ]


def references(value: Any) -> Iterator[str]:
    """Yield every text in nested JSON values: the digests that inputs name are among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    try:
        text = file.read_bytes()
    except OSError:
        return
    # line by line: bytes that are no text spoil the line that they are in
    for line in text.splitlines():
        try:
            content = json.loads(line)
        except ValueError:
            continue
        if _is_build(content):
            yield content


def _is_build(content: Any) -> bool:
    if not isinstance(content, dict) or not content.keys() >= {*_OF_RECORD, "inputs", "time"}:
        return False
    types = {"inputs": dict, "metadata": dict, "digest": str, "fingerprint": str, "time": str}
    if not all(isinstance(content[name], kind) for name, kind in types.items()):
        return False
    # of a registered model
    return "version" not in content["metadata"] or "name" in content["metadata"]


def _text(line: Mapping[str, Any]) -> str:
    return json.dumps(line, sort_keys=True)
