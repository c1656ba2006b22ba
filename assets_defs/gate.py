"""The gate: a new model becomes the champion only when it is better on the same shards."""

import json
from pathlib import Path
from typing import Any

import dagster as dg

from assets_defs.evaluation import Evaluator, evaluation_inputs
from assets_defs.models import MODELS
from assets_defs.report import reports
from assets_defs.support.build_cache import Built, build_or_reuse
from assets_defs.support.folders import Folders
from assets_defs.support.materialize import materialized
from assets_defs.support.records import built_digest, fingerprint
from assets_defs.training import VERSION_FILE, registered_name
from resources.launcher import Launcher
from resources.mlflow.registry import ModelVersion, champion, find_version, promote, tag_version
from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.evaluation.metric_values import MetricValues, Role
from unigs.lineage.forgotten import read_forgotten

DECISION = "decision.json"
SCORE, EVALUATED_ON = "gate.score", "gate.evaluated_on"


def gate_score(values: dict[str, MetricValues]) -> float:
    """Return the mean over the tasks of their mIoU: of the masks, or of the segmenter's on
    generated images.

    Raises KeyError when a task has neither.
    """
    scores = []
    for task, row in values.items():
        own = row.where(lambda v: v.role is Role.MODEL and not v.protocol)
        found = [v.value for v in own if v.metric == "miou"]
        if not found:
            raise KeyError(f"{task} has no mIoU")
        scores.append(found[0])
    return sum(scores) / len(scores)


def decide(candidate: float, best: float | None, tainted: bool = False) -> tuple[bool, str]:
    """Decide whether to promote, with a one-line reason; ``best`` is None without a champion.
    ``tainted``: the champion was trained on images that must be forgotten, and cannot stay."""
    if tainted:
        return True, f"promoted: mean mIoU {candidate:.4f}, the champion saw forgotten images"
    if best is None:
        return True, f"promoted: the first model, mean mIoU {candidate:.4f}"
    if candidate > best:
        return True, f"promoted: mean mIoU {candidate:.4f}, the champion has {best:.4f}"
    return False, f"not promoted: mean mIoU {candidate:.4f}, the champion has {best:.4f}"


def _gate(name: str, tasks: tuple[str, ...]) -> dg.AssetsDefinition:
    @dg.asset(
        key=["gate", name],
        deps=[reports[name]],
        group_name=f"model_{name}",
        description="Points the registry's champion alias at the model when it is better.",
    )
    def gate(
        context: dg.AssetExecutionContext,
        store: Store,
        settings: GraphSettings,
        tracking: Tracking,
        launcher: Launcher,
    ) -> dg.MaterializeResult:
        folders = Folders.of(store, settings)
        evaluate = Evaluator(context, launcher, settings, folders)
        evaluated_on = {
            task: {
                key: value
                for key, value in evaluation_inputs(
                    folders, settings, folders.model(name), task
                ).items()
                if key != "model"
            }
            for task in tasks
        }
        tainted = tainted_by_forgotten(folders.store)
        inputs: dict[str, Any] = {
            "model": built_digest(folders.model(name)),
            "evaluated_on": evaluated_on,
        }
        if tainted:
            inputs["tainted"] = tainted

        def build(folder: Path, resume: bool) -> Built:
            decision = decision_on(folder, folders, fingerprint(**evaluated_on))
            (folder / DECISION).write_text(json.dumps(decision, indent=1), encoding="utf-8")
            return Built(fingerprint(**decision), decision)

        def decision_on(folder: Path, folders: Folders, protocol: str) -> dict[str, Any]:
            version = json.loads((folders.model(name) / VERSION_FILE).read_text(encoding="utf-8"))
            candidate = find_version(tracking, version["name"], version["version"])
            score = gate_score(own_values(folders, name, tasks))
            tag_version(tracking, candidate, {SCORE: repr(score), EVALUATED_ON: protocol})
            best = champion(tracking, registered_name(settings, name))
            if best is not None and best.version == candidate.version:
                return {"promoted": False, "reason": "it is the champion", "score": score}
            unfit = best is not None and f"{best.name}/{best.version}" in tainted
            best_score = None if best is None or unfit else score_of(best, protocol, folder)
            promoted, reason = decide(score, best_score, unfit)
            if promoted:
                promote(tracking, candidate)
            return {
                "promoted": promoted,
                "reason": reason,
                "score": score,
                "champion_score": best_score,
                "candidate": candidate.version,
                "champion": candidate.version if promoted or best is None else best.version,
            }

        def score_of(best: ModelVersion, protocol: str, folder: Path) -> float:
            if best.tags.get(EVALUATED_ON) == protocol:
                return float(best.tags[SCORE])
            context.log.info("the champion was evaluated on other shards: evaluating it on these")
            score = gate_score({task: evaluate(best.folder, task, folder / task) for task in tasks})
            tag_version(tracking, best, {SCORE: repr(score), EVALUATED_ON: protocol})
            return score

        reads = [folders.model(name), *(folders.evaluation(name, task) for task in tasks)]
        outcome = build_or_reuse(folders.gate(name), inputs, build, reads=reads)
        context.log.info(f"gate of {name}: {outcome.metadata['reason']}")
        return materialized(context, outcome)

    return gate


def tainted_by_forgotten(store: Path) -> list[str]:
    """Return the registered models, ``name/version``, that saw images which must be forgotten."""
    forgotten = read_forgotten(store)
    if not forgotten:
        return []
    from unigs.lineage.ledger import Ledger
    from unigs.lineage.taint import tainted_models
    from unigs.lineage.trace import Trace

    return sorted(tainted_models(Trace(Ledger(store)), forgotten))


def own_values(folders: Folders, name: str, tasks: tuple[str, ...]) -> dict[str, MetricValues]:
    """Return a model's own values by task."""
    return {task: MetricValues.read(folders.evaluation(name, task)) for task in tasks}


gates = {name: _gate(name, tasks) for name, tasks in MODELS.items()}
