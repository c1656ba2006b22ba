"""Keep an autoencoder that was fitted to the data, so that a champion's weights stay of use."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assets_defs.cache.records import RECORD, is_complete, read_record
from unigs.lineage.forgotten import forgotten_file
from unigs.lineage.history import history_file, read_history


def fitted_on(store: Path, folder: Path, inputs: Mapping[str, Any]) -> list[str]:
    """Return the digests of the shards that a fitted autoencoder is to follow from: those that the
    one in ``folder`` was fitted to, if all else in ``inputs`` is as it was then, else those of
    ``inputs``.

    Principal components turn with every batch of images, and the latents that a model has learned
    with them. An image that was marked to be forgotten since then has it fitted again.
    """
    now: list[str] = inputs["shards"]
    record = read_record(folder)
    if record is None or not is_complete(folder, record):
        return now
    forgotten = forgotten_file(store)
    if forgotten.is_file() and forgotten.stat().st_mtime > (folder / RECORD).stat().st_mtime:
        return now
    for build in read_history(store, history_file(folder)):
        before = build.inputs.get("shards")
        if build.fingerprint == record["fingerprint"] and before:
            same = {**build.inputs, "shards": now} == dict(inputs)
            return list(before) if same else now
    return now
