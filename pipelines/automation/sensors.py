"""The files of a data set start a run by themselves, once for each state that is complete."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from time import time
from typing import Any

import dagster as dg

from assets_defs.arrival.batches import batches_of
from assets_defs.run.partitions import SPLITS, held
from pipelines.automation.attempts import decide
from pipelines.automation.batches import new_batches, pending_batches, taken_in
from pipelines.automation.looks import look_seconds
from pipelines.automation.requests import request_run
from pipelines.automation.run_history import ARRIVAL, ATTEMPT, RunHistory, asked_for
from pipelines.automation.watch import Watched, watch
from pipelines.jobs import EVERYTHING
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.errors import ConfigError, DataError

# Digits of a digest in the cursor, in tags and in keys of runs, which are columns of a database.
_DIGITS = 32


@dg.sensor(
    name="annotations",
    job_name=EVERYTHING,
    minimum_interval_seconds=look_seconds(60),
    default_status=dg.DefaultSensorStatus.STOPPED,
    description=(
        "Looks at every file of the data set: annotations by content, all else by name, size and "
        "time, objects of a bucket by their version. What no run has succeeded on launches the "
        "shards of its split, and what follows from them: from the training split retraining and "
        "evaluation, from the validation split evaluation alone; the rest is reused. A run that "
        "failed is asked for again."
    ),
)
def annotations(
    context: dg.SensorEvaluationContext, store: Store, settings: GraphSettings
) -> dg.SensorResult | dg.SkipReason:
    try:
        roots = {source.dataset: source.root for source in settings.sources if source.root}
    except ConfigError as error:
        return dg.SkipReason(f"{error}; nothing is launched")
    if not roots:
        return dg.SkipReason("the generated data set has no files that could arrive")
    if missing := _missing(settings, roots):
        return dg.SkipReason(missing)
    # of the run, since another one may watch a data set of the same name elsewhere
    folder = store.folder("sensors", settings.run)
    places = {one: folder / f"{one}-files.parquet" for one in roots}
    now = time()
    try:
        looks = {one: watch(root, places[one], now) for one, root in roots.items()}
    except DataError as error:
        return dg.SkipReason(f"{error}; nothing is launched, the champion stays")
    history, instance = RunHistory(context.instance, settings), context.instance
    last, cursor = history.last_success(), json.loads(context.cursor or "{}")
    seen: Mapping[str, Mapping[str, str]] = {}
    told: dict[str, Any] = {}
    if last is not None and (
        last.run_id != cursor.get("run") or pending_batches(instance, settings.run)
    ):
        seen = _seen(history, last, looks)
        told["asset_events"] = taken_in(store, settings, instance, places, seen, last.run_id)
    if new := new_batches(instance, settings.run, places, looks):
        told["dynamic_partitions_requests"] = [batches_of(settings.run).build_add_request(new)]
    if waiting := next((look.waiting_for for look in looks.values() if look.waiting_for), ""):
        return dg.SensorResult(skip_reason=waiting, **told)
    contents = {one: look.content for one, look in looks.items() if look.content is not None}
    content = _by_split(contents)
    files = sum(look.files for look in looks.values())

    known = _known(last, seen, looks, cursor)
    told["cursor"] = json.dumps(known)
    touched = [split for split in SPLITS if content[split] != known.get(split)]
    if last is not None and not touched:
        reason = f"{files} files, none changed since run {last.run_id[:8]} succeeded"
        return dg.SensorResult(skip_reason=reason, **told)

    since = last.run_id if last is not None else ""
    # a key is taken once: that of a run with other settings must be another
    arrival = _digest([content[split] for split in SPLITS], since, asked_for(settings))
    # The time after the runs were read: one may have ended since the look began.
    decision = decide(history.working(), history.ended(arrival), time())
    if decision.attempt is None:
        return dg.SensorResult(skip_reason=decision.said, **told)
    changed = f"files of {' and '.join(touched)} changed"
    request = request_run(
        store,
        settings,
        run_key=f"{settings.dataset}-{arrival}-{decision.attempt}",
        splits=touched,
        reason="; ".join(filter(None, (changed, decision.said))),
        tags={ARRIVAL: arrival, ATTEMPT: str(decision.attempt)},
    )
    return dg.SensorResult(run_requests=[request], **told)


def _missing(settings: GraphSettings, roots: Mapping[str, Path | str]) -> str:
    """Return what keeps every run from succeeding, in a sentence: a disk that is not mounted, an
    annotation file that was deleted; "" for nothing. Of a bucket the run tells."""
    from unigs.datasets.catalog import annotations_missing

    for dataset, root in roots.items():
        if isinstance(root, str):
            continue
        if not root.is_dir():
            return f"{root}: no such folder: mount it, or correct UNIGS_ROOT; nothing is launched"
        for split in SPLITS:
            if dataset in held(settings, split):
                gone = annotations_missing(settings.source(dataset).format, root, split)
                if gone is not None:
                    return (
                        f"{gone}: the annotations of {split} are not there: put them back, the "
                        "next look goes on; nothing is launched, the champion stays"
                    )
    return ""


def _seen(
    history: RunHistory, run: dg.DagsterRun, looks: Mapping[str, Watched]
) -> dict[str, Mapping[str, str]]:
    """Return data set -> content by split that a run had seen, by the listing that it recorded. A
    listing that was never seen complete is nobody's content: the files changed while the run began.
    """
    listings = history.listings(run)
    return {
        one: look.contents[listings[one]]
        for one, look in looks.items()
        if one in listings and listings[one] in look.contents
    }


def _known(
    last: dg.DagsterRun | None,
    seen: Mapping[str, Mapping[str, str]],
    looks: Mapping[str, Watched],
    cursor: Mapping[str, str],
) -> dict[str, str]:
    """Return the content by split that the last successful run had seen, with its id: from the
    cursor, or from what it recorded."""
    if last is None:
        return {}
    if cursor.get("run") == last.run_id:
        return dict(cursor)
    return {"run": last.run_id, **_by_split(seen)} if len(seen) == len(looks) else {}


def _by_split(contents: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Combine the contents of the data sets of a run."""
    return {
        split: _digest([[one, contents[one][split]] for one in sorted(contents)])
        for split in SPLITS
    }


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_DIGITS]
