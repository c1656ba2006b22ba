"""The report of a model: its metrics, the untrained model's, baselines and upper bounds."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets_defs.cache.build import Built, build_or_reuse
from assets_defs.cache.records import build_record, built_digest, fingerprint
from assets_defs.cards import write_card
from assets_defs.evaluation import evaluations, references
from assets_defs.metadata.materialize import materialized
from assets_defs.models import MODELS
from assets_defs.run.folders import Folders
from assets_defs.run.step import step_of_run
from assets_defs.training import PIPELINE
from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings
from resources.store import Store

if TYPE_CHECKING:
    from unigs.evaluation.metric_values import MetricValues

RESULT, TABLE, GRID = "report.json", "report.md", "grid.png"


def all_values(folders: Folders, name: str, task: str) -> "MetricValues":
    """Collect a model's values on a task with the untrained model's, baselines and upper bounds."""
    from unigs.evaluation.metric_values import MetricValues, Role

    own = MetricValues.read(folders.evaluation(name, task))
    reference = MetricValues.read(folders.reference(task))
    measured = {value.subject for value in own if value.metric != "n"}
    untrained = reference.where(lambda v: v.role is Role.MODEL and v.subject in measured)
    beside = reference.where(lambda v: v.role is not Role.MODEL)
    return own + beside + untrained.changed(role=Role.UNTRAINED)


def _report(name: str, tasks: tuple[str, ...]) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"{name}_report",
        deps=[*evaluations[name].values(), *(references[task] for task in tasks)],
        group_name=f"model_{name}",
        kinds={"markdown"},
        owners=["team:models"],
        description=f"The result table, pictures and model card of the {name} model.",
    )
    @step_of_run
    def report(
        context: dg.AssetExecutionContext, store: Store, settings: GraphSettings, tracking: Tracking
    ) -> dg.MaterializeResult:
        folders = Folders.of(store, settings)
        inputs = {
            "figures": [built_digest(folders.evaluation(name, task)) for task in tasks],
            "reference": [built_digest(folders.reference(task)) for task in tasks],
            "model": built_digest(folders.model(name)),
        }

        def build(folder: Path, resume: bool) -> Built:
            from unigs.evaluation.grid import stack_grids
            from unigs.evaluation.metric_values import MetricValues, finite
            from unigs.evaluation.table import markdown

            values = {task: all_values(folders, name, task) for task in tasks}
            table = "\n".join(f"### {task}\n\n{markdown(values[task])}" for task in tasks)
            (folder / TABLE).write_text(f"# {name} on {settings.dataset}\n\n{table}", "utf-8")
            pipeline = folders.model(name) / PIPELINE
            content = {
                "metrics": {
                    task: {key: finite(value) for key, value in row.named().items()}
                    for task, row in values.items()
                },
                "values": {task: row.records() for task, row in values.items()},
                "model": {name: pipeline.relative_to(folders.base).as_posix()},
            }
            (folder / RESULT).write_text(json.dumps(content, indent=1), encoding="utf-8")
            own = {
                task: MetricValues.read(folders.evaluation(name, task)).named() for task in tasks
            }
            write_card(settings, folders, name, pipeline, folder, own)
            stack_grids([folders.evaluation(name, task) / GRID for task in tasks], folder / GRID)
            trained = build_record(folders.model(name))["metadata"]["mlflow_run_id"]
            for file in (TABLE, GRID):
                tracking.client().log_artifact(trained, str(folder / file), "report")
            return Built(fingerprint(**content), tracking.named(trained))

        figures_of = [folders.evaluation(name, task) for task in tasks]
        figures_of += [folders.reference(task) for task in tasks]
        reads = [*figures_of, folders.model(name)]
        outcome = build_or_reuse(folders.report(name), inputs, build, reads=reads)
        table = (outcome.folder / TABLE).read_text(encoding="utf-8")
        return materialized(
            context,
            outcome,
            {"grid": outcome.folder / GRID},
            metadata={"table": dg.MetadataValue.md(table)},
        )

    return report


reports = {name: _report(name, tasks) for name, tasks in MODELS.items()}
