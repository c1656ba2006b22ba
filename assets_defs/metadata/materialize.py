"""Metadata of an asset: counts, digest, pictures, and whether it was reused."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from assets_defs.cache.build import Outcome
from assets_defs.cache.records import fingerprint
from assets_defs.metadata.provenance import dataset_and_preset, mlflow_links
from assets_defs.run.keys import asset_name

_INLINE_BYTES = 512 * 1024


def materialized(
    context: dg.AssetExecutionContext,
    outcome: Outcome,
    pictures: Mapping[str, Path] | None = None,
    check_results: Sequence[dg.AssetCheckResult] = (),
    metadata: Mapping[str, Any] | None = None,
) -> dg.MaterializeResult:
    """Report ``outcome``; its digest becomes the data version, by which downstream assets see
    changes."""
    say(context, asset_name(context.asset_key), outcome)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(outcome.digest),
        metadata={
            **dataset_and_preset(context),
            **described(outcome),
            **inline(pictures or {}),
            **(metadata or {}),
        },
        check_results=list(check_results),
    )


def materialized_each(
    context: dg.AssetExecutionContext,
    outcomes: Mapping[str, Outcome],
    pictures: Mapping[str, str] | None = None,
) -> dg.MaterializeResult:
    """Report the outcomes of an asset for each of a run's data sets; ``pictures`` are names of
    files in their folders. Of several data sets, metadata is under ``dataset.name``."""
    named = {name: dict(pictures or {}) for name in outcomes}
    if len(outcomes) == 1:
        ((name, outcome),) = outcomes.items()
        files = {title: outcome.folder / file for title, file in named[name].items()}
        return materialized(context, outcome, files)
    metadata: dict[str, Any] = dict(dataset_and_preset(context))
    for name, outcome in outcomes.items():
        say(context, f"{asset_name(context.asset_key)} of {name}", outcome)
        files = {title: outcome.folder / file for title, file in named[name].items()}
        found = described(outcome) | inline(files)
        metadata |= {f"{name}.{key}": value for key, value in found.items()}
    return dg.MaterializeResult(
        data_version=dg.DataVersion(fingerprint(**{n: o.digest for n, o in outcomes.items()})),
        metadata={**metadata, "cached": all(outcome.cached for outcome in outcomes.values())},
    )


def say(context: dg.AssetExecutionContext, name: str, outcome: Outcome) -> None:
    """Write one log line: reused, or built and the duration."""
    if outcome.cached:
        context.log.info(f"{name}: cached, nothing it depends on has changed")
    else:
        context.log.info(f"{name}: built in {outcome.seconds:.1f} s")


def described(outcome: Outcome) -> dict[str, Any]:
    """Return the metadata of an outcome, links to its pages in MLflow first."""
    return {
        **mlflow_links(outcome.metadata),
        **{name: legible(value) for name, value in outcome.metadata.items()},
        "cached": outcome.cached,
        "digest": outcome.digest,
        "folder": dg.MetadataValue.path(str(outcome.folder)),
        "build_seconds": outcome.seconds,
    }


def legible(value: Any) -> Any:
    """Return a value as a table of Dagster's metadata shows it best: fractions to five digits, and
    "none" for what Dagster shows as ``null``, ``{}`` or ``[]``."""
    if isinstance(value, float) and not value.is_integer():
        return float(f"{value:.5g}")
    if isinstance(value, dict) and value:
        return {name: legible(one) for name, one in value.items()}
    if isinstance(value, list | tuple) and value:
        return [legible(one) for one in value]
    return "none" if value is None or value in ({}, [], ()) else value


def inline(pictures: Mapping[str, Path]) -> dict[str, dg.MarkdownMetadataValue]:
    """Return PNG files as pictures inside the metadata; a file too large for that is left out."""
    return {
        name: dg.MetadataValue.md(
            f"![{name}](data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()})"
        )
        for name, file in pictures.items()
        if file.is_file() and file.stat().st_size <= _INLINE_BYTES
    }
