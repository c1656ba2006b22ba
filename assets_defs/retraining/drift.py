"""Warn when the data to be trained on is distributed otherwise than the champion's was."""

import base64
import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets_defs.models import MODELS, registered_name
from assets_defs.run.folders import Folders
from resources.run_settings import GraphSettings
from unigs.lineage.champions import read_champions

if TYPE_CHECKING:
    from unigs.index.drift import Difference, Distributions

DRIFT = "data_as_of_champion"
# Among the statistics, and in the folder of weights those that they were trained on.
DISTRIBUTIONS = "distributions.json"
_BARS = 20


def drift_spec(asset: str) -> dg.AssetCheckSpec:
    """Return the check, which warns and stops nothing."""
    return dg.AssetCheckSpec(
        DRIFT,
        asset=asset,
        description="Classes, areas and brightness are distributed as in the champion's data.",
    )


def keep_distributions(folders: Folders, weights: Path) -> None:
    """Put what is about to be trained on into the folder of the weights; nothing where the store
    has only shards."""
    if (folders.statistics / DISTRIBUTIONS).is_file():
        shutil.copyfile(folders.statistics / DISTRIBUTIONS, weights / DISTRIBUTIONS)


def note_trained_on(folders: Folders, weights: Path, name: str, version: str) -> None:
    """Keep what weights were trained on for the version that they are registered as."""
    if (weights / DISTRIBUTIONS).is_file():
        place = folders.trained_on(f"{name}/{version}")
        place.parent.mkdir(exist_ok=True)
        shutil.copyfile(weights / DISTRIBUTIONS, place)


def drift_check(folders: Folders, settings: GraphSettings) -> dg.AssetCheckResult:
    """Compare the statistics of now with those of the champion, of the joint model if it has one.

    MLflow is not asked: the store's own records tell the champion.
    """
    champions = read_champions(folders.store)
    names = [registered_name(settings, model) for model in MODELS]
    champion = next((f"{name}/{champions[name]}" for name in names if name in champions), None)
    if champion is None:
        return _passed("there is no champion to compare with")
    before, now = (
        _read(file) for file in (folders.trained_on(champion), folders.statistics / DISTRIBUTIONS)
    )
    if before is None or now is None:
        return _passed(f"what the champion {champion} was trained on is not recorded")
    from unigs.index.drift import differences

    found = differences(before, now)
    drifted = [str(one) for one in found if one.drifted]
    return dg.AssetCheckResult(
        check_name=DRIFT,
        passed=not drifted,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"other data than that of the champion {champion}: {'; '.join(drifted)}"
            if drifted
            else f"as the data of the champion {champion}"
        ),
        metadata={
            **{one.name: one.distance for one in found if one.distance == one.distance},
            **({"plot": dg.MetadataValue.md(_picture(before, now, found))} if drifted else {}),
        },
    )


def _passed(said: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=DRIFT, passed=True, severity=dg.AssetCheckSeverity.WARN, description=said
    )


def _read(file: Path) -> "Distributions | None":
    from unigs.index.drift import read_distributions

    with suppress(OSError, ValueError):
        return read_distributions(json.loads(file.read_text(encoding="utf-8")))
    return None


def _picture(before: "Distributions", now: "Distributions", found: "Sequence[Difference]") -> str:
    """Return bars of the shares, the champion's beside those of now, as a picture in Markdown."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, difference in zip(figure.subplots(1, len(found)), found, strict=True):
        old, new = asdict(before)[difference.name], asdict(now)[difference.name]
        values = list(dict.fromkeys([*new, *old]))
        if difference.name == "classes":
            values = sorted(values, key=lambda v: -max(old.get(v, 0), new.get(v, 0)))[:_BARS]
        for counts, label, place in ((old, "champion", -0.2), (new, "now", 0.2)):
            total = max(sum(counts.values()), 1)
            heights = [counts.get(value, 0) / total for value in values]
            axes.bar([n + place for n in range(len(values))], heights, 0.4, label=label)
        axes.set_xticks(range(len(values)), values, rotation=90, fontsize=7)
        axes.set_title(f"{difference.name}: {difference.distance:.0%} elsewhere")
        axes.legend()
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=70)
    return f"![drift](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})"
