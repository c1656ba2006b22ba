"""Each complete state of a data set that arrives is a partition of `annotation_batch`: added when
it is seen, and reported as materialised once a run has succeeded on it.

What the instance knows of partitions and their materialisations decides, so that each happens once,
whatever became of sensor, daemon and cursor meanwhile. The files of a batch, those that were not so
in the batch before, are noted in the store when it is seen.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from assets_defs.arrival.batches import annotation_batch, batches_of
from assets_defs.data import index_file
from assets_defs.run.folders import Folders
from assets_defs.run.partitions import SPLITS
from pipelines.automation.file_state import read_files
from pipelines.automation.watch import Watched, annotation_names
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.errors import UnigsError
from unigs.io.files import replacing

_DIGITS, _SHOWN = 12, 20
_FOLDER = "batches"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a batch brought: name -> [bytes, time, digest] of files that were not so before, and how
    many files went."""

    files: dict[str, list[Any]]
    removed: int


def new_batches(
    instance: dg.DagsterInstance,
    run: str,
    places: Mapping[str, Path],
    looks: Mapping[str, Watched],
) -> list[str]:
    """Return the keys of partitions to add: of data sets whose complete state is none yet.

    Args:
        run: whose partitions they are, ``coco_panoptic-sd15``.
        places: data set -> file of the sensor's state (`pipelines.automation.file_state`).
        looks: data set -> look at it.
    """
    known = _known(instance, run)
    added = []
    for dataset, look in looks.items():
        if look.content is None or key_of(known, dataset, look.content):
            continue
        rows = read_files(places[dataset]).rows
        newest = max((changed for _, changed, _ in rows.values()), default=0) // 1_000_000_000
        when = datetime.fromtimestamp(newest, UTC).strftime("%Y%m%dT%H%M%SZ")
        key = f"{dataset}-{when}-{_digest(look.content)}"
        _note(places[dataset], key)
        added.append(key)
    return added


def pending_batches(instance: dg.DagsterInstance, run: str) -> list[str]:
    """Return the partitions that no run has taken in yet, in the order in which they arrived."""
    known = _known(instance, run)
    done = instance.get_materialized_partitions(annotation_batch(run).key) if known else set()
    return [key for key in known if key not in done]


def taken_in(
    store: Store,
    settings: GraphSettings,
    instance: dg.DagsterInstance,
    places: Mapping[str, Path],
    seen: Mapping[str, Mapping[str, str]],
    run_id: str,
) -> list[dg.AssetMaterialization]:
    """Return a materialisation of each batch that a run took in and that has none.

    Args:
        seen: data set -> content, by split, that the run has succeeded on.
        run_id: of that run.
    """
    known = _known(instance, settings.run)
    pending = {*pending_batches(instance, settings.run)}
    batch = annotation_batch(settings.run).key
    events = []
    for dataset, content in seen.items():
        last = key_of(known, dataset, content)
        if last is None:
            continue
        # batches before it, on which no run succeeded, are in it
        for key in known[: known.index(last) + 1]:
            if _dataset_of(key) == dataset and key in pending:
                said = _described(Folders.of(store, settings), places[dataset], key)
                said = {"run": dg.MetadataValue.dagster_run(run_id), "dataset": dataset, **said}
                events.append(dg.AssetMaterialization(batch, partition=key, metadata=said))
    return events


def key_of(known: Sequence[str], dataset: str, content: Mapping[str, str]) -> str | None:
    """Return the partition of a state of a data set, None where there is none yet."""
    digest = _digest(content)
    return next(
        (key for key in known if _dataset_of(key) == dataset and key.endswith(f"-{digest}")), None
    )


def _known(instance: dg.DagsterInstance, run: str) -> Sequence[str]:
    return instance.get_dynamic_partitions(str(batches_of(run).name))


def _dataset_of(key: str) -> str:
    return key.rsplit("-", 2)[0]


def _digest(content: Mapping[str, str]) -> str:
    text = json.dumps([content[split] for split in SPLITS])
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _note(state: Path, key: str) -> None:
    """Note what a batch brought, by the files of the batch before; once, since the next look does
    not know that one any more."""
    noted = _noted(state, key)
    if noted.exists():
        return
    before_file = noted.with_name(f"{_dataset_of(key)}-newest.parquet")
    now, before = read_files(state).rows, read_files(before_file).rows
    files = {name: list(row) for name, row in now.items() if not _same(before.get(name), row)}
    noted.parent.mkdir(exist_ok=True)
    with replacing(noted) as partial:
        text = json.dumps(asdict(Delivered(files, len(before.keys() - now.keys()))))
        partial.write_text(text, encoding="utf-8")
    with replacing(before_file) as partial:
        shutil.copyfile(state, partial)


def _same(before: Sequence[Any] | None, row: Sequence[Any]) -> bool:
    """Return whether a file is as it was: by its digest where there is one, else by all else."""
    if before is None:
        return False
    return before[2] == row[2] if before[2] and row[2] else list(before) == list(row)


def _noted(state: Path, key: str) -> Path:
    return state.parent / _FOLDER / f"{key}.json"


def _described(folders: Folders, state: Path, key: str) -> dict[str, Any]:
    """Return the metadata of a batch: its files, and what the index of its scenes says of them."""
    try:
        batch = Delivered(**json.loads(_noted(state, key).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {"note": "which files it brought is no longer known"}
    now = read_files(state).rows
    replaced = [name for name, row in batch.files.items() if not _same(now.get(name), row)]
    annotations = sorted(annotation_names(batch.files))
    digests = {name: batch.files[name][2] for name in annotations[:_SHOWN]}
    try:
        scenes, quarantined = _counted(folders, _dataset_of(key), batch.files)
    except (UnigsError, OSError, ValueError) as error:  # the next run is building it again
        return {"files": len(batch.files), "note": f"its scenes cannot be counted: {error}"}
    return {
        "files": len(batch.files),
        "annotation_files": len(annotations),
        "bytes": sum(int(row[0]) for row in batch.files.values()),
        "files_that_went": batch.removed,
        "files_replaced_since": len(replaced),
        "scenes": scenes,
        "quarantined": len(quarantined),
        "digests": dg.MetadataValue.md(_table(("annotation file", "digest"), digests.items())),
        "reasons": dg.MetadataValue.md(_table(("file", "reason"), quarantined[:_SHOWN])),
    }


def _counted(
    folders: Folders, dataset: str, files: Mapping[str, Any]
) -> tuple[int, list[tuple[str, str]]]:
    """Return how many scenes have one of the files as their image, and file and reason of the
    records that were quarantined for one of them."""
    from unigs.index.scenes_index import ScenesIndex

    scenes, quarantined = 0, []
    for split in SPLITS:
        index = index_file(folders, dataset, split)
        if not index.is_file():
            continue
        for row in ScenesIndex(index).rows(["image", "file", "reason"]):
            scenes += row["image"] in files
            if row["reason"] and row["file"] in files:
                quarantined.append((row["file"], row["reason"]))
    return scenes, quarantined


def _table(heads: tuple[str, str], rows: Any) -> str:
    lines = [" | ".join(heads), "--- | ---", *(f"{name} | {said}" for name, said in rows)]
    return "\n".join(f"| {line} |" for line in lines)
