"""The paper's tables for the models at hand, what the paper prints beside them."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets_defs.evaluation import evaluations
from assets_defs.models import JOINT, MODELS
from assets_defs.support.build_cache import Built, Outcome, build_or_reuse
from assets_defs.support.folders import Folders
from assets_defs.support.materialize import materialized
from assets_defs.support.provenance import provenance
from assets_defs.support.records import built_digest, fingerprint, read_record
from assets_defs.support.retries import tried_again
from assets_defs.support.staleness import code_of
from assets_defs.training import PIPELINE, models
from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings
from resources.store import Store

if TYPE_CHECKING:
    from unigs.evaluation.paper.result import ResultTable

GROUP = "tables"
CODE = code_of("tables")
WHOLE = "every_value_is_measured"
#: Tables of the protocol, and the task of each; those of decoding, on the referring task.
PROTOCOL_TABLES = {3: "inpainting", 4: "synthesis", 5: "referring", 6: "entity"}
DECODING_TABLES, COST_TABLE = (8, 9), 10
TABLES = (*PROTOCOL_TABLES, *DECODING_TABLES, COST_TABLE)
REFERRING = "referring"

MakeTable = Callable[[], "ResultTable"]


def _asset(number: int, deps: list[Any], description: str) -> Callable[..., Any]:
    name = f"table_{number}"
    return dg.asset(
        name=name,
        deps=deps,
        group_name=GROUP,
        kinds={"markdown", "mlflow"},
        owners=["team:evaluation"],
        code_version=CODE,
        description=description,
        check_specs=[
            dg.AssetCheckSpec(
                WHOLE, asset=name, description="No value of a model at hand is missing."
            )
        ],
    )


def _protocol_table(number: int, task: str) -> dg.AssetsDefinition:
    names = [name for name, tasks in MODELS.items() if task in tasks]
    deps = [evaluations[name][task] for name in names]

    @_asset(number, deps, f"Table {number} of the paper: {task} on the test protocol.")
    @tried_again
    def table(
        context: dg.AssetExecutionContext,
        store: Store,
        settings: GraphSettings,
        tracking: Tracking,
    ) -> dg.MaterializeResult:
        folders = Folders.of(store, settings)
        places = {name: folders.evaluation(name, task) for name in names}
        built = {name: place for name, place in places.items() if read_record(place)}

        def make() -> "ResultTable":
            from unigs.evaluation.metric_values import MetricValues
            from unigs.evaluation.paper.result import protocol_table

            values = {name: MetricValues.read(place) for name, place in built.items()}
            return protocol_table(number, values)

        inputs = {name: built_digest(place) for name, place in built.items()}
        return _report(context, tracking, settings, folders, number, inputs, make)

    return table


def _decoding_table(number: int) -> dg.AssetsDefinition:
    @_asset(
        number,
        [evaluations[JOINT][REFERRING]],
        f"Table {number} of the paper: decoders on what the joint model predicted.",
    )
    @tried_again
    def table(
        context: dg.AssetExecutionContext,
        store: Store,
        settings: GraphSettings,
        tracking: Tracking,
    ) -> dg.MaterializeResult:
        folders = Folders.of(store, settings)
        evaluation = folders.evaluation(JOINT, REFERRING)
        shards = folders.shards(settings.evaluated, "val", REFERRING)
        codec = settings.values.codec

        def predicted() -> Iterator[tuple[Any, Any]]:
            from itertools import islice

            from unigs.io.image_file import read_image
            from unigs.shards.read import read_samples

            for sample in islice(read_samples(shards), settings.values.evaluation.scenes):
                yield sample, read_image(evaluation / "colormaps" / f"{sample.key}.png")

        def make() -> "ResultTable":
            from unigs.colormap import Palette
            from unigs.evaluation.paper.decoding import Reading, decoding_table

            own = Reading(codec.decoder, codec.options)
            palette = Palette.from_name(codec.palette)
            return decoding_table(number, predicted(), palette, own)

        inputs = {
            "evaluation": built_digest(evaluation),
            "shards": built_digest(shards),
            "codec": codec.model_dump(mode="json"),
        }
        return _report(context, tracking, settings, folders, number, inputs, make)

    return table


@_asset(
    COST_TABLE,
    [models[JOINT]],
    "Table 10 of the paper: parameters and time beside the plain inpainting network.",
)
@tried_again
def _cost(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings, tracking: Tracking
) -> dg.MaterializeResult:
    folders = Folders.of(store, settings)
    model = folders.model(JOINT)

    def make() -> "ResultTable":
        from unigs.evaluation.paper.cost import cost_table

        pipeline = _pipeline(model)
        return cost_table(pipeline, pipeline.config["steps"]["inpainting"])

    inputs = {"model": built_digest(model)}
    return _report(context, tracking, settings, folders, COST_TABLE, inputs, make)


def _pipeline(model: Path) -> Any:
    from unigs.evaluation.run import on_device
    from unigs.io.device import this_device
    from unigs.pipeline.pipeline import UniGSPipeline

    pipeline = on_device(UniGSPipeline.from_pretrained(model / PIPELINE), this_device())
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _report(
    context: dg.AssetExecutionContext,
    tracking: Tracking,
    settings: GraphSettings,
    folders: Folders,
    number: int,
    inputs: Mapping[str, Any],
    make: MakeTable,
) -> dg.MaterializeResult:
    """Build the table's folder, log it to MLflow as a table, and report it as Markdown."""

    def build(folder: Path, resume: bool) -> Built:
        table = make()
        table.write(folder)
        name = f"table {number} {settings.dataset}-{settings.preset_name}"
        with tracking.run(name, tags=provenance(context, settings), parameters={}) as run_id:
            tracking.log_table(run_id, f"table_{number}", table.columns())
        facts = {"missing": table.missing(), "models": [row for row, _ in table.rows]}
        return Built(fingerprint(**table.columns()), {**facts, **tracking.named(run_id)})

    outcome = build_or_reuse(folders.table(number), {**inputs, "tables": CODE}, build)
    return materialized(
        context,
        outcome,
        check_results=[_whole(outcome)],
        metadata={"table": dg.MetadataValue.md(_markdown(outcome.folder))},
    )


def _whole(outcome: Outcome) -> dg.AssetCheckResult:
    missing = outcome.metadata["missing"]
    return dg.AssetCheckResult(
        check_name=WHOLE,
        passed=not missing and bool(outcome.metadata["models"]),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"missing": missing},
        description=f"not measured: {', '.join(missing)}" if missing else None,
    )


def _markdown(folder: Path) -> str:
    from unigs.evaluation.paper.result import TABLE_FILE

    return (folder / TABLE_FILE).read_text(encoding="utf-8")


tables = [
    *(_protocol_table(number, task) for number, task in PROTOCOL_TABLES.items()),
    *(_decoding_table(number) for number in DECODING_TABLES),
    _cost,
]
