"""Metrics of each model on the held-out shards, with baselines and upper bounds."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets_defs.cache.build import Built, Outcome, build_or_reuse
from assets_defs.cache.records import build_record, built_digest, fingerprint
from assets_defs.cache.staleness import code_of
from assets_defs.evaluators import WEIGHTS, evaluators
from assets_defs.launched.evaluation import evaluate_folders
from assets_defs.manifest import dataset_inputs, shard_manifest
from assets_defs.metadata.materialize import materialized
from assets_defs.metadata.provenance import provenance
from assets_defs.models import MODELS
from assets_defs.protocol import protocol, protocol_shards
from assets_defs.run.folders import Folders
from assets_defs.run.pretrained import EVALUATORS, weights_digests, weights_inputs
from assets_defs.run.step import Step, step_of_run
from assets_defs.training import PIPELINE, models, untrained
from resources.evaluators import DUAL_ENCODER, SEGMENTER, external_source
from resources.launcher import Launcher
from resources.mlflow.content import evaluation_parameters, log_evaluation, log_preset
from resources.mlflow.tracking import DatasetInput, Tracking
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.tasks import TASKS

if TYPE_CHECKING:
    from unigs.evaluation.metric_values import MetricValues

EVALUATION_CODE = code_of("evaluation")


def evaluation_inputs(
    folders: Folders, settings: GraphSettings, model: Path, task: str
) -> dict[str, Any]:
    """Inputs that the metrics of one model folder on one task depend on."""
    return {
        "code": EVALUATION_CODE,
        "model": built_digest(model),
        "shards": built_digest(folders.shards(settings.evaluated, "val", task)),
        "evaluators": [built_digest(folders.evaluator(kind)) for kind in (DUAL_ENCODER, SEGMENTER)],
        "settings": settings.values.evaluation.model_dump(
            mode="json",
            exclude={*EVALUATORS, "processes", "train_scenes", "evaluator_passes"},
        ),
        "feature_networks": weights_digests(folders, settings, ["inception", "dinov2"]),
    }


def evaluation_reads(
    folders: Folders, settings: GraphSettings, model: Path, task: str
) -> list[Path]:
    """Cached folders that :class:`Evaluator` reads."""
    evaluators = [folders.evaluator(kind) for kind in (DUAL_ENCODER, SEGMENTER)]
    return [model, folders.shards(settings.evaluated, "val", task), *evaluators]


@dataclass(frozen=True)
class Evaluator:
    """Evaluates models in one asset's step."""

    context: dg.AssetExecutionContext
    launcher: Launcher
    settings: GraphSettings
    folders: Folders

    def __call__(
        self,
        pipeline_folder: Path,
        task: str,
        out_dir: Path,
        *,
        beside: bool = False,
        protocol: Path | None = None,
    ) -> "MetricValues":
        """Evaluate a model on the held-out shards of ``task``.

        Args:
            beside: add baselines and upper bounds, which are the same for every model.
            protocol: evaluate on the test protocol as well, into this folder: its values are
                named ``protocol.single.miou`` and so on.
        """
        from unigs.evaluation.metric_values import MetricValues

        shards = self.folders.shards(self.settings.evaluated, "val", task)
        jobs = [self._job(pipeline_folder, task, shards, out_dir, beside)]
        kinds = protocol_shards(self.folders, task) if protocol else {}
        places = {kind: protocol / kind for kind in kinds} if protocol else {}
        jobs += [
            self._job(pipeline_folder, task, kinds[kind], place, False)
            for kind, place in places.items()
        ]
        order = {"jobs": jobs, "processes": self.settings.values.evaluation.processes}
        out_dir.mkdir(parents=True, exist_ok=True)
        self.launcher.call(self.context, evaluate_folders, order, out_dir)
        values = MetricValues.read(out_dir)
        for kind, place in places.items():
            values += MetricValues.read(place).changed(protocol=kind)
        return values

    def _job(
        self, pipeline_folder: Path, task: str, shards: Path, out_dir: Path, beside: bool
    ) -> dict[str, Any]:
        from unigs.models.pretrained import sources_of

        preset = self.settings.values
        sources = sources_of(preset)
        places = {
            kind: external_source(kind, preset.evaluation) or self.folders.evaluator(kind) / WEIGHTS
            for kind in (DUAL_ENCODER, SEGMENTER)
        }
        return {
            "model": str(pipeline_folder),
            "task": task,
            "shards": str(shards),
            "out_dir": str(out_dir),
            "dual_encoder": str(places[DUAL_ENCODER]),
            "segmenter": str(places[SEGMENTER]),
            "inception": sources.get("inception"),
            "dinov2": sources.get("dinov2"),
            "features": str(self.folders.features),
            "limit": preset.evaluation.scenes,
            "seed": preset.data.seed,
            "batch_size": preset.evaluation.batch_size,
            "references": beside,
        }


def _reference(task: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"reference_{task}",
        deps=[untrained, shard_manifest, *evaluators],
        group_name="reference",
        kinds={"mlflow"},
        owners=["team:evaluation"],
        code_version=EVALUATION_CODE,
        description=f"The untrained model, the baselines and the upper bounds on {task}.",
    )
    @step_of_run
    def reference(
        context: dg.AssetExecutionContext,
        store: Store,
        settings: GraphSettings,
        tracking: Tracking,
        launcher: Launcher,
    ) -> dg.MaterializeResult:
        folders = Folders.of(store, settings)
        evaluate = Evaluator(context, launcher, settings, folders)
        model = folders.model("untrained")

        def build(folder: Path, resume: bool) -> Built:
            from unigs.evaluation.metric_values import Role

            began = time.time()
            values = evaluate(model / PIPELINE, task, folder, beside=True)
            shards = dataset_inputs(folders, settings, "val", [task])
            with tracking.run(
                f"reference {task} {folders.base.name}",
                tags=provenance(context, settings),
                parameters=evaluation_parameters("untrained", task, settings, settings.values),
                inputs=[*shards, *weights_inputs(folders, settings, EVALUATORS)],
                started=began,
            ) as run_id:
                own = values.where(lambda value: value.role is Role.MODEL)
                beside = values.where(lambda value: value.role is not Role.MODEL)
                for part in (own.changed(role=Role.UNTRAINED), beside):
                    tracking.log_metrics(run_id, of_task(task, part), dataset=shards[0])
                log_evaluation(tracking, run_id, folder)
                tracking.log_images(run_id, {task: folder / "grid.png"})
            named = values.named()
            return Built(metrics_digest(named), {**shown(named), **tracking.named(run_id)})

        inputs = evaluation_inputs(folders, settings, model, task)
        reads = evaluation_reads(folders, settings, model, task)
        outcome = build_or_reuse(folders.reference(task), inputs, build, reads=reads)
        return materialized(context, outcome, {"grid": outcome.folder / "grid.png"})

    return reference


def _evaluation(name: str, task: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"{name}_evaluation_{task}",
        deps=[models[name], shard_manifest, protocol, *evaluators],
        group_name=f"model_{name}",
        kinds={"mlflow"},
        owners=["team:models"],
        code_version=EVALUATION_CODE,
        description=f"The {name} model on held-out scenes, task {task}.",
    )
    @step_of_run
    def evaluation(
        context: dg.AssetExecutionContext,
        store: Store,
        settings: GraphSettings,
        tracking: Tracking,
        launcher: Launcher,
    ) -> dg.MaterializeResult:
        outcome = evaluated(Step.of(context, store, settings, tracking), launcher, name, task)
        return materialized(context, outcome, {"grid": outcome.folder / "grid.png"})

    return evaluation


def evaluated(step: Step, launcher: Launcher, name: str, task: str) -> Outcome:
    """Evaluate a model on held-out scenes and on the test protocol, or reuse its evaluation."""
    context, settings, folders, tracking = step.context, step.settings, step.folders, step.tracking
    evaluate = Evaluator(context, launcher, settings, folders)
    model = folders.model(name)

    def build(folder: Path, resume: bool) -> Built:
        began = time.time()
        values = evaluate(model / PIPELINE, task, folder, protocol=folder / "protocol")
        values.write(folder)
        metrics = values.named()
        registered = build_record(model)["metadata"]
        shards = dataset_inputs(folders, settings, "val", [task])
        test_set = DatasetInput(
            f"{settings.evaluated}-val.protocol",
            built_digest(folders.protocol),
            "evaluation",
            folders.protocol,
        )
        with tracking.run(
            f"evaluate {name} {task} {folders.base.name}",
            tags={
                **provenance(context, settings),
                "model": f"{registered['name']}/{registered['version']}",
                "training_run": registered["mlflow_run_id"],
                "protocol": test_set.digest,
            },
            parameters=evaluation_parameters(name, task, settings, settings.values),
            inputs=[*shards, test_set, *weights_inputs(folders, settings, EVALUATORS)],
            model_id=registered["model_id"],
            started=began,
        ) as run_id:
            held_out = values.where(lambda value: not value.protocol)
            of_protocol = values.where(lambda value: bool(value.protocol))
            for part, measured_on in ((held_out, shards[0]), (of_protocol, test_set)):
                tracking.log_metrics(
                    run_id,
                    of_task(task, part),
                    model_id=registered["model_id"],
                    dataset=measured_on,
                )
            log_preset(tracking, run_id, settings.values)
            log_evaluation(tracking, run_id, folder)
            tracking.log_images(run_id, {task: folder / "grid.png"})
        return Built(metrics_digest(metrics), {**shown(metrics), **tracking.named(run_id)})

    inputs = evaluation_inputs(folders, settings, model, task)
    inputs["protocol"] = built_digest(folders.protocol)
    reads = [*evaluation_reads(folders, settings, model, task), folders.protocol]
    return build_or_reuse(folders.evaluation(name, task), inputs, build, reads=reads)


def of_task(task: str, values: "MetricValues") -> dict[str, float]:
    """Return values under the names that they have in MLflow: ``entity.miou``,
    ``entity.miou.ci_low``."""
    return {f"{task}.{name}": value for name, value in values.named().items()}


def metrics_digest(metrics: dict[str, float]) -> str:
    """Return the data version of metrics: equal metrics, equal version."""
    return fingerprint(**{key: repr(float(value)) for key, value in metrics.items()})


def shown(metrics: dict[str, float]) -> dict[str, float | str]:
    """Format metrics as metadata, to five digits; a metric without meaning as a dash."""
    return {key: round(value, 5) if value == value else "-" for key, value in metrics.items()}


references = {task: _reference(task) for task in TASKS}
evaluations = {
    name: {task: _evaluation(name, task) for task in tasks} for name, tasks in MODELS.items()
}
