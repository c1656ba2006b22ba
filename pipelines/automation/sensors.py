"""The files of a data set start a run by themselves, once for each state that is complete."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from time import time

import dagster as dg

from assets_defs.support.partitions import SPLITS, held
from pipelines.automation.attempts import decide
from pipelines.automation.intervals import look_seconds
from pipelines.automation.requests import request_run
from pipelines.automation.run_history import ARRIVAL, ATTEMPT, RunHistory, asked_for
from pipelines.automation.watch import Watched, watch
from pipelines.jobs import EVERYTHING
from resources.run_settings import GraphSettings
from resources.store import Store

# Digits of a digest in the cursor, in tags and in keys of runs, which are columns of a database.
_DIGITS = 32


@dg.sensor(
    name="annotations",
    job_name=EVERYTHING,
    minimum_interval_seconds=look_seconds(60),
    default_status=dg.DefaultSensorStatus.STOPPED,
    description=(
        "Looks at every file of the data set: annotations by content, all else by name, size and "
        "time. What no run has succeeded on launches the shards of its split, and what follows "
        "from them: from the training split retraining and evaluation, from the validation split "
        "evaluation alone; the rest is reused. A run that failed is asked for again."
    ),
)
def annotations(
    context: dg.SensorEvaluationContext, store: Store, settings: GraphSettings
) -> dg.SensorResult | dg.SkipReason:
    roots = {source.dataset: source.root for source in settings.sources if source.root}
    if not roots:
        return dg.SkipReason("the generated data set has no files that could arrive")
    if missing := _missing(settings, roots):
        return dg.SkipReason(missing)
    places = {one: store.folder("sensors") / f"{one}-files.parquet" for one in roots}
    now = time()
    looks = {one: watch(root, places[one], now) for one, root in roots.items()}
    if waiting := next((look.waiting_for for look in looks.values() if look.waiting_for), ""):
        return dg.SkipReason(waiting)
    contents = {one: look.content for one, look in looks.items() if look.content is not None}
    content = _by_split(contents)
    files = sum(look.files for look in looks.values())

    history = RunHistory(context.instance, settings)
    last = history.last_success()
    known = _known(history, last, looks, json.loads(context.cursor or "{}"))
    cursor = json.dumps(known)
    touched = [split for split in SPLITS if content[split] != known.get(split)]
    if last is not None and not touched:
        reason = f"{files} files, none changed since run {last.run_id[:8]} succeeded"
        return dg.SensorResult(skip_reason=reason, cursor=cursor)

    since = last.run_id if last is not None else ""
    # a key is taken once: that of a run with other settings must be another
    arrival = _digest([content[split] for split in SPLITS], since, asked_for(settings))
    decision = decide(history.working(), history.ended(arrival), now)
    if decision.attempt is None:
        return dg.SensorResult(skip_reason=decision.said, cursor=cursor)
    changed = f"files of {' and '.join(touched)} changed"
    request = request_run(
        store,
        settings,
        run_key=f"{settings.dataset}-{arrival}-{decision.attempt}",
        splits=touched,
        reason="; ".join(filter(None, (changed, decision.said))),
        tags={ARRIVAL: arrival, ATTEMPT: str(decision.attempt)},
    )
    return dg.SensorResult(run_requests=[request], cursor=cursor)


def _missing(settings: GraphSettings, roots: Mapping[str, Path]) -> str:
    """Return what keeps every run from succeeding, in a sentence: a disk that is not mounted, an
    annotation file that was deleted; "" for nothing."""
    from unigs.datasets.catalog import annotations_missing

    for dataset, root in roots.items():
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


def _known(
    history: RunHistory,
    last: dg.DagsterRun | None,
    looks: Mapping[str, Watched],
    cursor: Mapping[str, str],
) -> dict[str, str]:
    """Return the content by split that the last successful run had seen, with its id: from the
    cursor, or from the listing that it recorded. A listing that was never seen complete is nobody's
    content: the files changed while the run began."""
    if last is None:
        return {}
    if cursor.get("run") == last.run_id:
        return dict(cursor)
    listings = history.listings(last)
    found = {
        one: look.contents[listings[one]]
        for one, look in looks.items()
        if one in listings and listings[one] in look.contents
    }
    return {"run": last.run_id, **_by_split(found)} if len(found) == len(looks) else {}


def _by_split(contents: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Combine the contents of the data sets of a run."""
    return {
        split: _digest([[one, contents[one][split]] for one in sorted(contents)])
        for split in SPLITS
    }


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_DIGITS]
