"""The paper's tables for the models at hand, what the paper prints beside them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets_defs.cache.records import built_digest, read_record
from assets_defs.evaluation import evaluations
from assets_defs.models import JOINT, MODELS
from assets_defs.paper.palettes import NUMBER as PALETTE_TABLE
from assets_defs.paper.palettes import table_7
from assets_defs.paper.table_asset import built_table, predicted, reported, table_asset
from assets_defs.paper.variants import REFERRING
from assets_defs.run.step import Step, step_of_run
from assets_defs.training import PIPELINE, models
from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings
from resources.store import Store

if TYPE_CHECKING:
    from unigs.evaluation.paper.result import ResultTable

#: Tables of the protocol, and the task of each; those of decoding, on the referring task.
PROTOCOL_TABLES = {3: "inpainting", 4: "synthesis", 5: "referring", 6: "entity"}
DECODING_TABLES, COST_TABLE = (8, 9), 10
TABLES = (*PROTOCOL_TABLES, PALETTE_TABLE, *DECODING_TABLES, COST_TABLE)


def _protocol_table(number: int, task: str) -> dg.AssetsDefinition:
    names = [name for name, tasks in MODELS.items() if task in tasks]
    deps = [evaluations[name][task] for name in names]

    @table_asset(number, deps, f"Table {number} of the paper: {task} on the test protocol.")
    @step_of_run
    def table(
        context: dg.AssetExecutionContext,
        store: Store,
        settings: GraphSettings,
        tracking: Tracking,
    ) -> dg.MaterializeResult:
        step = Step.of(context, store, settings, tracking)
        places = {name: step.folders.evaluation(name, task) for name in names}
        built = {name: place for name, place in places.items() if read_record(place)}

        def make() -> "ResultTable":
            from unigs.evaluation.metric_values import MetricValues
            from unigs.evaluation.paper.result import protocol_table

            values = {name: MetricValues.read(place) for name, place in built.items()}
            return protocol_table(number, values)

        inputs = {name: built_digest(place) for name, place in built.items()}
        return reported(step, built_table(step, number, inputs, make))

    return table


def _decoding_table(number: int) -> dg.AssetsDefinition:
    @table_asset(
        number,
        [evaluations[JOINT][REFERRING]],
        f"Table {number} of the paper: decoders on what the joint model predicted.",
    )
    @step_of_run
    def table(
        context: dg.AssetExecutionContext,
        store: Store,
        settings: GraphSettings,
        tracking: Tracking,
    ) -> dg.MaterializeResult:
        step = Step.of(context, store, settings, tracking)
        evaluation = step.folders.evaluation(JOINT, REFERRING)
        shards = step.folders.shards(settings.evaluated, "val", REFERRING)
        codec = settings.values.codec

        def make() -> "ResultTable":
            from unigs.colormap import Palette
            from unigs.evaluation.paper.decoding import Reading, decoding_table

            own = Reading(codec.decoder, codec.options)
            palette = Palette.from_name(codec.palette)
            pairs = predicted(shards, evaluation, settings.values.evaluation.scenes)
            return decoding_table(number, pairs, palette, own)

        inputs = {
            "evaluation": built_digest(evaluation),
            "shards": built_digest(shards),
            "codec": codec.model_dump(mode="json"),
        }
        return reported(step, built_table(step, number, inputs, make))

    return table


@table_asset(
    COST_TABLE,
    [models[JOINT]],
    "Table 10 of the paper: parameters and time beside the plain inpainting network.",
)
@step_of_run
def _cost(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings, tracking: Tracking
) -> dg.MaterializeResult:
    step = Step.of(context, store, settings, tracking)
    model = step.folders.model(JOINT)

    def make() -> "ResultTable":
        from unigs.evaluation.paper.cost import cost_table

        pipeline = _pipeline(model)
        return cost_table(pipeline, pipeline.config["steps"]["inpainting"])

    inputs = {"model": built_digest(model)}
    return reported(step, built_table(step, COST_TABLE, inputs, make))


def _pipeline(model: Path) -> Any:
    from unigs.evaluation.run import on_device
    from unigs.io.device import this_device
    from unigs.pipeline.pipeline import UniGSPipeline

    pipeline = on_device(UniGSPipeline.from_pretrained(model / PIPELINE), this_device())
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


tables = [
    *(_protocol_table(number, task) for number, task in PROTOCOL_TABLES.items()),
    table_7,
    *(_decoding_table(number) for number in DECODING_TABLES),
    _cost,
]
