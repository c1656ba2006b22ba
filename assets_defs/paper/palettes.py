"""Table 7: referring models that learned colours by location, and random ones."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets_defs.cache.build import Outcome
from assets_defs.cache.records import built_digest, read_record
from assets_defs.evaluation import evaluations
from assets_defs.models import variant_of
from assets_defs.paper.table_asset import built_table, predicted, reported, table_asset
from assets_defs.paper.variants import RANDOM_COLORS, REFERRING, variant, variant_folders, varied
from assets_defs.protocol import protocol_shards
from assets_defs.run.step import Step, step_of_run
from resources.mlflow.tracking import Tracking
from resources.run_settings import GraphSettings
from resources.store import Store

if TYPE_CHECKING:
    from unigs.evaluation.paper.palettes import PredictedColormaps
    from unigs.evaluation.paper.result import ResultTable

NUMBER = 7
LOCATION_HELPS = "location_helps"
GAIN = "location_gain"
# The part of the protocol of Table 5 and of the ablations: up to three entities.
_PART = "multiple"


@table_asset(
    NUMBER,
    [evaluations[REFERRING][REFERRING], variant],
    "Table 7 of the paper: referring models that learned the palette and random colours.",
    {LOCATION_HELPS: "Colours by location are read better than random ones."},
)
@step_of_run
def table_7(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings, tracking: Tracking
) -> dg.MaterializeResult:
    from unigs.evaluation.paper.palettes import LOCATED, RANDOM, location_gain, palette_table

    step = Step.of(context, store, settings, tracking)
    other = variant_folders(step.folders, RANDOM_COLORS)
    name = variant_of(REFERRING, RANDOM_COLORS)
    places = {
        LOCATED: (settings, step.folders.evaluation(REFERRING, REFERRING)),
        RANDOM: (varied(settings, RANDOM_COLORS), other.evaluation(name, REFERRING)),
    }
    at_hand = {row: place for row, place in places.items() if read_record(place[1])}

    def make() -> "ResultTable":
        return palette_table({row: _learned(step, *place) for row, place in at_hand.items()})

    def facts(table: "ResultTable") -> dict[str, Any]:
        from unigs.evaluation.metric_values import finite

        return {GAIN: finite(location_gain(table))}

    inputs = {
        **{row: built_digest(place) for row, (_, place) in at_hand.items()},
        "codec": settings.values.codec.model_dump(mode="json"),
    }
    outcome = built_table(step, NUMBER, inputs, make, facts)
    return reported(step, outcome, _location_helps(outcome))


def _learned(step: Step, settings: GraphSettings, evaluation: Path) -> "PredictedColormaps":
    from unigs.colormap import Palette
    from unigs.evaluation.paper.decoding import Reading
    from unigs.evaluation.paper.palettes import PredictedColormaps

    codec, limit = settings.values.codec, settings.values.evaluation.scenes
    shards = protocol_shards(step.folders, REFERRING)[_PART]
    pairs = predicted(shards, evaluation / "protocol" / _PART, limit)
    own = Reading(codec.decoder, codec.options)
    return PredictedColormaps(pairs, Palette.from_name(codec.palette), own)


def _location_helps(outcome: Outcome) -> dg.AssetCheckResult:
    gain = outcome.metadata[GAIN]
    told = "a model is missing" if gain is None else f"{gain:+.3f} in miou, best reading of each"
    return dg.AssetCheckResult(
        check_name=LOCATION_HELPS,
        passed=gain is not None and gain > 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={} if gain is None else {"gain": gain},
        description=told,
    )
