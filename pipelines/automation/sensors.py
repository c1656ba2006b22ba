"""The annotation folder starts a run by itself: new or changed files, by content."""

import hashlib
import json

import dagster as dg

from assets_defs.support.partitions import SPLITS
from pipelines.automation.requests import request_run
from pipelines.automation.watch import watch
from pipelines.jobs import everything
from resources.run_settings import GraphSettings
from resources.store import Store


@dg.sensor(
    name="annotations",
    job=everything,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description=(
        "Digests the annotation files of the data set. A new or changed file launches the shards "
        "of its split, and what follows from them: from the training split retraining and "
        "evaluation, from the validation split evaluation alone; the rest is reused."
    ),
)
def annotations(
    context: dg.SensorEvaluationContext, store: Store, settings: GraphSettings
) -> dg.SensorResult | dg.SkipReason:
    roots = {source.dataset: source.root for source in settings.sources if source.root}
    if not roots:
        return dg.SkipReason("the generated data set has no annotation folder to watch")
    digests: dict[str, list[str]] = {split: [] for split in SPLITS}
    files = 0
    for dataset, root in roots.items():
        watched = watch(root, store.folder("sensors") / f"{dataset}-annotations.json")
        if watched.waiting_for:
            return dg.SkipReason(watched.waiting_for)
        files += watched.files
        for split in SPLITS:
            digests[split].append(watched.digests[split])
    known = json.loads(context.cursor or "{}")
    touched = [split for split in SPLITS if digests[split] != known.get(split)]
    if not touched:
        return dg.SkipReason(f"{files} annotation files, none changed")
    key = hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()
    request = request_run(
        store,
        settings,
        run_key=f"{settings.dataset}-{key}",
        splits=touched,
        reason=f"annotations of {' and '.join(touched)} changed",
    )
    return dg.SensorResult(run_requests=[request], cursor=json.dumps(digests))
