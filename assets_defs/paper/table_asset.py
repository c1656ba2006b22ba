"""What the assets of the paper's tables share: their checks, their record, what they read."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets_defs.cache.build import Built, Outcome, build_or_reuse
from assets_defs.cache.records import fingerprint
from assets_defs.cache.staleness import code_of
from assets_defs.metadata.materialize import materialized
from assets_defs.metadata.provenance import provenance
from assets_defs.run.step import Step

if TYPE_CHECKING:
    from unigs.evaluation.paper.result import ResultTable

GROUP = "tables"
CODE = code_of("tables")
WHOLE = "every_value_is_measured"

MakeTable = Callable[[], "ResultTable"]
# Facts of a table that a further check looks at.
Facts = Callable[["ResultTable"], Mapping[str, Any]]


def table_asset(
    number: int, deps: list[Any], description: str, checks: Mapping[str, str] | None = None
) -> Callable[..., Any]:
    """Return the decorator of ``table_N``; ``checks`` are further ones, with their descriptions."""
    name = f"table_{number}"
    told = {WHOLE: "No value of a model at hand is missing.", **(checks or {})}
    return dg.asset(
        name=name,
        deps=deps,
        group_name=GROUP,
        kinds={"markdown", "mlflow"},
        owners=["team:evaluation"],
        code_version=CODE,
        description=description,
        check_specs=[
            dg.AssetCheckSpec(check, asset=name, description=text) for check, text in told.items()
        ],
    )


def built_table(
    step: Step,
    number: int,
    inputs: Mapping[str, Any],
    make: MakeTable,
    facts: Facts | None = None,
) -> Outcome:
    """Build a table's folder and log it to MLflow as a table, or reuse it."""

    def build(folder: Path, resume: bool) -> Built:
        table = make()
        table.write(folder)
        name = f"table {number} {step.settings.dataset}-{step.settings.preset_name}"
        tags = provenance(step.context, step.settings)
        with step.tracking.run(name, tags=tags, parameters={}) as run_id:
            step.tracking.log_table(run_id, f"table_{number}", table.columns())
        found = {"missing": table.missing(), "models": [row for row, _ in table.rows]}
        found |= facts(table) if facts else {}
        return Built(fingerprint(**table.columns()), {**found, **step.tracking.named(run_id)})

    return build_or_reuse(step.folders.table(number), {**inputs, "tables": CODE}, build)


def reported(step: Step, outcome: Outcome, *checks: dg.AssetCheckResult) -> dg.MaterializeResult:
    """Report a table as Markdown, with the results of its further checks."""
    from unigs.evaluation.paper.result import TABLE_FILE

    text = (outcome.folder / TABLE_FILE).read_text(encoding="utf-8")
    return materialized(
        step.context,
        outcome,
        check_results=[_whole(outcome), *checks],
        metadata={"table": dg.MetadataValue.md(text)},
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


def predicted(shards: Path, evaluation: Path, limit: int) -> Iterator[tuple[Any, Any]]:
    """Yield the first samples of some shards, each with the colormap (h, w, 3) uint8 that their
    evaluation keeps."""
    from unigs.io.image_file import read_image
    from unigs.shards.read import read_samples

    for sample in islice(read_samples(shards), limit):
        yield sample, read_image(evaluation / "colormaps" / f"{sample.key}.png")
