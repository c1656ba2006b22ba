"""The gate: a new model becomes the champion only when it is better on the same shards."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from assets_defs.cache.build import Built, build_or_reuse
from assets_defs.cache.records import built_digest, fingerprint
from assets_defs.evaluation import Evaluator, evaluation_inputs
from assets_defs.metadata.materialize import materialized
from assets_defs.models import JOINT, MODELS, registered_name
from assets_defs.report import reports
from assets_defs.retraining.forgotten import tainted_by_forgotten
from assets_defs.run.folders import Folders
from assets_defs.run.step import step_of_run
from assets_defs.training import VERSION_FILE
from resources.launcher import Launcher
from resources.mlflow.champion import crown
from resources.mlflow.curves import training_losses
from resources.mlflow.evaluations import keep_evaluations, kept_evaluations
from resources.mlflow.logged_models import FilesGone
from resources.mlflow.registry import (
    EVALUATED_ON,
    ModelVersion,
    champion,
    find_version,
    tag_version,
)
from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings
from resources.store import Store

DECISION = "decision.json"
SCORE = "gate.score"
PAGE, IMAGES_SHOWN = "comparison.html", 30
BETTER, NOT_WORSE = "mean_is_better", "no_task_is_worse"
CHECKS = {
    BETTER: "The mean mIoU is higher than the champion's.",
    NOT_WORSE: "In no task is the interval of the paired difference below 0.",
}
# The weekly retraining decides about this model; a week that left it out is worth a look.
WEEKLY = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(days=8), fail_window=timedelta(days=15)
)
# The champion's evaluation as it was logged.
CHAMPION = "champion"


def _gate(name: str, tasks: tuple[str, ...]) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"{name}_gate",
        deps=[reports[name]],
        group_name=f"model_{name}",
        kinds={"mlflow"},
        owners=["team:models"],
        freshness_policy=WEEKLY if name == JOINT else None,
        check_specs=[
            dg.AssetCheckSpec(check, asset=f"{name}_gate", description=said)
            for check, said in CHECKS.items()
        ],
        description="Points the registry's champion alias at the model when it is better.",
    )
    @step_of_run
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
            from unigs.evaluation.promotion import decide, mean_miou, read_scores

            version = json.loads((folders.model(name) / VERSION_FILE).read_text(encoding="utf-8"))
            candidate = find_version(tracking, version["name"], version["version"])
            places = {task: folders.evaluation(name, task) for task in tasks}
            scores = read_scores(places)
            score = mean_miou(scores)
            note(candidate, protocol, places)
            best, unfit = None, ""
            try:
                best = champion(tracking, registered_name(settings, name))
            except FilesGone as error:
                unfit = f"is lost: {error}"
            if best is not None and best.version == candidate.version:
                return {"promoted": False, "reason": "it is the champion", "score": score}
            if best is not None and f"{best.name}/{best.version}" in tainted:
                unfit = "saw forgotten images"
            compared = None if unfit else best
            of_best = None
            if compared is not None:
                before = places_of(compared, protocol, folder)
                of_best = read_scores(before)
                show(folder / PAGE, candidate, compared, places, before)
            elif best is not None:
                # it decides nothing any more, but people may look at what takes its place
                kept = kept_evaluations(tracking, best, protocol, tasks, folder / CHAMPION)
                if kept is not None:
                    show(folder / PAGE, candidate, best, places, kept)
            decision = decide(scores, of_best, unfit)
            if decision.promoted:
                crown(tracking, candidate.name, candidate.version, "gate", decision.reason)
            return {
                "promoted": decision.promoted,
                "reason": decision.reason,
                "score": score,
                "champion_score": None if of_best is None else mean_miou(of_best),
                "differences": decision.records(),
                "candidate": candidate.version,
                "champion": (
                    candidate.version if decision.promoted or best is None else best.version
                ),
            }

        def places_of(best: ModelVersion, protocol: str, folder: Path) -> dict[str, Path]:
            kept = kept_evaluations(tracking, best, protocol, tasks, folder / CHAMPION)
            if kept is not None:
                return kept
            context.log.info("the champion was evaluated on other shards: evaluating it on these")
            places = {task: folder / task for task in tasks}
            for task, place in places.items():
                evaluate(best.folder, task, place)
            note(best, protocol, places)
            return places

        def show(
            page: Path,
            candidate: ModelVersion,
            best: ModelVersion,
            places: dict[str, Path],
            before: dict[str, Path],
        ) -> None:
            """Put the two side by side in a page, which is an artifact of the candidate's run."""
            from unigs.comparison.models import compare_models
            from unigs.comparison.page import write_page

            first, second = (f"{one.name}/{one.version}" for one in (candidate, best))
            shards = folders.own(settings.evaluated) / "shards" / "val"
            tasks = compare_models(places, before, (first, second), shards, IMAGES_SHOWN)
            curves = [training_losses(tracking, one.run_id) for one in (candidate, best)]
            without = [
                f"No losses of the training of {name} are in MLflow."
                for name, found in zip((first, second), curves, strict=True)
                if not found
            ]
            write_page(page, first, second, tasks, (curves[0], curves[1]), without)
            tracking.client().log_artifact(candidate.run_id, str(page), "gate")

        def note(version: ModelVersion, protocol: str, places: dict[str, Path]) -> None:
            from unigs.evaluation.promotion import mean_miou, read_scores

            score = mean_miou(read_scores(places))
            tag_version(tracking, version, {SCORE: repr(score), EVALUATED_ON: protocol})
            keep_evaluations(tracking, version, protocol, places)

        reads = [folders.model(name), *(folders.evaluation(name, task) for task in tasks)]
        outcome = build_or_reuse(folders.gate(name), inputs, build, reads=reads)
        context.log.info(f"gate of {name}: {outcome.metadata['reason']}")
        page = outcome.folder / PAGE
        shown = {"comparison": dg.MetadataValue.path(str(page))} if page.is_file() else {}
        return materialized(
            context, outcome, check_results=checks(outcome.metadata), metadata=shown
        )

    return gate


def checks(decision: Mapping[str, Any]) -> list[dg.AssetCheckResult]:
    """Build the check results of a decision; without a champion to compare with all pass."""
    differences: Mapping[str, Any] = decision.get("differences") or {}
    worse = [task for task, found in differences.items() if task != "mean" and found["ci_high"] < 0]
    better = not differences or differences["mean"]["difference"] > 0
    said = {BETTER: None if better else decision["reason"], NOT_WORSE: None}
    if worse:
        said[NOT_WORSE] = f"worse in {', '.join(worse)}"
    return [
        dg.AssetCheckResult(
            check_name=name,
            passed=passed,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={task: found["difference"] for task, found in differences.items()},
            description=said[name],
        )
        for name, passed in ((BETTER, better), (NOT_WORSE, not worse))
    ]


gates = {name: _gate(name, tasks) for name, tasks in MODELS.items()}
