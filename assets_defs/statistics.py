"""Data statistics: histograms, labelled share, palette coverage."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import dagster as dg

from assets_defs.arrival.roots import data_root
from assets_defs.cache.build import Built, build_or_reuse
from assets_defs.cache.records import built_digest
from assets_defs.cache.staleness import code_of
from assets_defs.data import index_file, quarantine_report, scenes_indexes
from assets_defs.metadata.materialize import materialized
from assets_defs.retraining.drift import DISTRIBUTIONS, drift_check, drift_spec
from assets_defs.run.folders import Folders
from assets_defs.run.partitions import SPLITS, held
from assets_defs.run.step import step_of_run
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.config.data import MIX

if TYPE_CHECKING:
    from unigs.index.statistics import SceneStatistics

CODE = code_of("statistics")
STATISTICS, PLOT, UNSEEN = "statistics.json", "statistics.png", "unseen_classes.json"
_CLASSES_SHOWN = 20


@dg.asset(
    deps=[*scenes_indexes, quarantine_report],
    group_name="data",
    kinds={"json", "matplotlib"},
    owners=["team:data"],
    code_version=CODE,
    check_specs=[drift_spec("scene_statistics")],
)
@step_of_run
def scene_statistics(
    context: dg.AssetExecutionContext, store: Store, settings: GraphSettings
) -> dg.MaterializeResult:
    """Entities per image, areas, classes, and the share of entities with a palette cell alone.

    The check compares them with those of the champion's data, before anything is trained.
    """
    folders = Folders.of(store, settings)
    batches = {
        split if settings.dataset != MIX else f"{dataset}-{split}": (dataset, split)
        for split in SPLITS
        for dataset in held(settings, split)
    }

    def build(folder: Path, resume: bool) -> Built:
        from unigs.index.drift import Distributions, brightness
        from unigs.index.scenes_index import ScenesIndex
        from unigs.index.statistics import scene_statistics as measure
        from unigs.index.statistics import unseen_classes

        indexes = {
            name: ScenesIndex(index_file(folders, *batch), data_root(folders, settings, batch[0]))
            for name, batch in batches.items()
        }
        found = {name: measure(index) for name, index in indexes.items()}
        text = json.dumps({name: asdict(value) for name, value in found.items()}, indent=1)
        (folder / STATISTICS).write_text(text, encoding="utf-8")
        plot_statistics(found, folder / PLOT)
        sides = {
            split: [found[name] for name, batch in batches.items() if batch[1] == split]
            for split in SPLITS
        }
        trained = Distributions.of(
            (found[name], brightness(indexes[name]))
            for name, batch in batches.items()
            if batch[1] == "train"
        )
        (folder / DISTRIBUTIONS).write_text(json.dumps(asdict(trained)), encoding="utf-8")
        unseen = unseen_classes(sides["train"], sides["val"])
        (folder / UNSEEN).write_text(json.dumps(unseen), encoding="utf-8")
        metadata = {
            f"{batch}.{name}": round(value, 4)
            for batch, statistics in found.items()
            for name, value in {
                "images": statistics.images,
                "entities": statistics.entities,
                "labelled_share": statistics.labelled_share,
                "crowd_share": statistics.crowd_share,
                "coverage_5x5": statistics.coverage[5],
                "coverage_11x11": statistics.coverage[11],
                "coverage_first_11x11": statistics.coverage_first[11],
            }.items()
        }
        metadata["unseen_classes"] = len(unseen)
        return Built(hashlib.sha256(text.encode()).hexdigest(), metadata)

    inputs = {
        "code": CODE,
        "scenes": {name: built_digest(folders.scenes(*batch)) for name, batch in batches.items()},
    }
    reads = [folders.scenes(*batch) for batch in batches.values()]
    outcome = build_or_reuse(folders.statistics, inputs, build, reads=reads)
    said = {"unseen": said_of_unseen(read_unseen(folders))}
    plots = {"plots": outcome.folder / PLOT}
    check = drift_check(folders, settings)
    return materialized(context, outcome, plots, check_results=[check], metadata=said)


def read_unseen(folders: Folders) -> dict[str, int]:
    """Return the classes of the validation split that no training scene has, and how many entities
    they have there; none where there are no statistics (a training on downloaded shards)."""
    file = folders.statistics / UNSEEN
    if not file.is_file():
        return {}
    return cast(dict[str, int], json.loads(file.read_text(encoding="utf-8")))


def said_of_unseen(unseen: Mapping[str, int]) -> str:
    """Return one line that counts and names them."""
    if not unseen:
        return "training has every class of the validation split"
    listed = ", ".join(f"{name} ({count})" for name, count in unseen.items())
    few = "1 class" if len(unseen) == 1 else f"{len(unseen)} classes"
    return f"{few} of the validation split in no training scene: {listed}"


def plot_statistics(found: "dict[str, SceneStatistics]", file: Path) -> None:
    """Write four plots over splits or data sets into one PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from unigs.index.statistics import AREA_EDGES

    figure = Figure(figsize=(11, 7), layout="constrained")
    FigureCanvasAgg(figure)
    (per_image, areas), (classes, coverage) = figure.subplots(2, 2)
    for batch, statistics in found.items():
        counts = statistics.entities_per_image
        per_image.plot(list(counts), list(counts.values()), "o-", label=batch)
        areas.plot(AREA_EDGES, statistics.area_counts, "o-", label=batch)
        coverage.plot(list(statistics.coverage), list(statistics.coverage.values()), label=batch)
    first = next(iter(found.values()))
    names = list(first.class_counts)[:_CLASSES_SHOWN]
    classes.barh(names[::-1], [first.class_counts[name] for name in names[::-1]])
    classes.set_title(f"entities by class ({next(iter(found))})")
    per_image.set_title("images by number of entities")
    areas.set_title("entities by share of the image")
    areas.set_xscale("log", base=2)
    coverage.set_title("entities alone in their cell, by b")
    for axes in (per_image, areas, coverage):
        axes.legend()
    figure.savefig(file, dpi=70)
