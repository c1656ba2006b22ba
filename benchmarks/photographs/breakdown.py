"""What a segmentation of photographs loses, and where: the way from the true colormap to the
model's.

    python -m benchmarks.photographs.breakdown --run STORE/coco_panoptic-photo --work DIR
        [--preset photo] [--set NAME=VALUE ...] [--tasks entity referring] [--training-scenes 100]
        [--supervised DIR] [--root DIR]

It trains nothing. For both segmentation tasks a finished run's model predicts its held-out
photographs and, as they are, without crop, flip or other colours, some that it was trained on.
Beside it stand colormaps that know a part of the truth
(`benchmarks.photographs.parts.colormap_rows`), all read by the preset's decoder:

- codec: the true colormap itself; latents: the same through the autoencoder, and blurred;
- noise: one step of the model from the true latents, noised to several levels;
- colours and places: the predicted colours averaged over the true segments, which leaves the
  colours' errors alone; the predicted colormap read with the colours that are there, which leaves
  the places' errors alone.

`miou` is also given for quarters of the true entities by area, the smallest first. `--supervised`
is the folder ``direct-SEED`` of `benchmarks.photographs.supervised_segmenter`, whose predictions
become one more row. Each finished task is kept in `--work` as JSON and not measured again: one
folder for each run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.photographs.parts.colormap_rows import ColormapRows, Read
from benchmarks.photographs.parts.direct_unet import EVALUATED
from benchmarks.photographs.parts.options import add_root, run_parser
from unigs.config.overrides import parse_overrides
from unigs.config.preset import Preset, load_preset
from unigs.index.scene_source import SceneList
from unigs.index.scenes_index import ScenesIndex
from unigs.io.annotations.segment_ids import read_segments
from unigs.io.files import replacing
from unigs.metrics.bootstrap.draws import draw_weights, interval, resampled_ratio
from unigs.metrics.matching import Matches, match
from unigs.metrics.segmentation import segmentation_parts, segmentation_scores
from unigs.pipeline import UniGSPipeline
from unigs.samples.sample import Sample
from unigs.samples.split_options import sample_options
from unigs.shards.build import build_shards
from unigs.shards.read import read_samples
from unigs.tasks import TASKS

HELD_OUT, TRAINING = "held_out", "training"
SUPERVISED = "supervised segmenter"


def main() -> None:
    """Measure what is not kept yet, print the table."""
    parser = run_parser(__doc__)
    add_root(parser)
    parser.add_argument("--tasks", nargs="+", choices=EVALUATED, default=EVALUATED)
    parser.add_argument("--training-scenes", type=int, default=100, help="0 for none")
    parser.add_argument("--model", default="joint", help="of the run")
    parser.add_argument("--supervised", type=Path, help="folder with TASK/panoptic/KEY.png")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    preset = load_preset(options.preset, parse_overrides(Preset, options.overrides))
    results = {}
    for task in options.tasks:
        file = options.work / f"{task}.json"
        if not file.is_file():
            found = measured(options, preset, task)
            with replacing(file) as partial:
                partial.write_text(json.dumps(found, indent=1))
        results[task] = json.loads(file.read_text())
    print(table(results))


def measured(options: argparse.Namespace, preset: Preset, task: str) -> dict[str, Any]:
    """Return part of the photographs -> row -> metrics."""
    pipeline = UniGSPipeline.from_pretrained(options.run / "models" / options.model / "pipeline")
    pipeline.set_progress_bar_config(disable=True)
    rows = ColormapRows(pipeline, TASKS[task], preset.codec.decoder, preset.codec.options)
    parts = {HELD_OUT: list(read_samples(options.run / "shards" / "val" / task))}
    if options.training_scenes:
        place = options.work / "training scenes" / task
        parts[TRAINING] = plain(
            options.run, options.root, preset, task, place, options.training_scenes
        )
    # Those of the held-out photographs for both, so that the columns compare.
    edges = quarter_edges(parts[HELD_OUT])
    found: dict[str, Any] = {}
    # Of training scenes the model, the codec and what is told in part, which take no time.
    made = {HELD_OUT: rows, TRAINING: replace(rows, levels=(), blurs=())}
    for part, samples in parts.items():
        found[part] = {}
        for name, reads in made[part](samples):
            found[part][name] = scores(samples, [read.segments for read in reads], edges)
            found[part][name]["rmse"] = colormap_error(samples, reads)
            print(f"{task}, {part}, {name}: {found[part][name]['miou']:.3f}", flush=True)
    if options.supervised is not None:
        folder = options.supervised / task / "panoptic"
        segments = [stored(folder / f"{sample.key}.png") for sample in parts[HELD_OUT]]
        found[HELD_OUT][SUPERVISED] = scores(parts[HELD_OUT], segments, edges)
    return found


def plain(
    run: Path, root: Path | None, preset: Preset, task: str, place: Path, count: int
) -> list[Sample]:
    """Return samples of `count` training scenes, made as held-out ones are."""
    index = ScenesIndex(run / "scenes" / "train" / "index.parquet", root)
    every = list(index)
    chosen = np.unique(np.linspace(0, len(every) - 1, count).round().astype(int))
    build_shards(
        SceneList([every[i] for i in chosen]), task,
        sample_options(preset, index.class_names, "val"), place, seed=preset.data.seed,
    )  # fmt: skip
    return list(read_samples(place))


def stored(file: Path) -> NDArray[np.int32]:
    """Return the segments of a prediction that an evaluation wrote."""
    return read_segments(file.read_bytes(), file)


def quarter_edges(samples: Sequence[Sample]) -> list[float]:
    """Return the three areas in pixels that part the true entities into quarters."""
    areas = [area for s in samples for area in np.bincount(s.segments.ravel())[1:] if area]
    return np.quantile(areas, (0.25, 0.5, 0.75)).tolist()


def scores(
    samples: Sequence[Sample], segments: Sequence[NDArray[np.int32]], edges: Sequence[float]
) -> dict[str, Any]:
    """Return `miou` with its interval of 95 % over photographs, `recall_50`, and `miou` and the
    number of the entities by quarter (`quarters`, `counts`; NaN where there are none)."""
    matches = [match(s.segments, found) for s, found in zip(samples, segments, strict=True)]
    told = segmentation_scores(matches)
    parts = [segmentation_parts(one)["miou"] for one in matches]
    drawn = interval(resampled_ratio(parts, draw_weights(len(parts))))
    by_quarter = in_quarters(matches, edges)
    return {
        **{name: told[name] for name in ("miou", "recall_50", "n_entities", "n_predicted")},
        "interval": [drawn.low, drawn.high],
        "quarters": [float(np.mean(ious)) if len(ious) else float("nan") for ious in by_quarter],
        "counts": [len(ious) for ious in by_quarter],
    }


def in_quarters(matches: Sequence[Matches], edges: Sequence[float]) -> list[NDArray[np.float64]]:
    """Return the IoU of the entities of each quarter, from the smallest."""
    iou = np.concatenate([one.iou for one in matches])
    areas = np.concatenate([one.gt_area for one in matches])
    quarter = np.searchsorted(edges, areas)
    return [iou[quarter == number] for number in range(len(edges) + 1)]


def colormap_error(samples: Sequence[Sample], reads: Sequence[Read]) -> float:
    """Return the root mean square error of the colours, in levels of 0 to 255."""
    square = [
        np.mean((read.colormap.astype(float) - sample.colormap) ** 2)
        for sample, read in zip(samples, reads, strict=True)
    ]
    return float(np.sqrt(np.mean(square)))


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return one table in Markdown of task -> what `measured` returns."""
    heads = ["`miou`", "by area", "`recall_50`", "colour error", "training"]
    columns = [f"{task} {head}" for task in results for head in heads]
    lines = [f"| | {' | '.join(columns)} |", "|---" + "|---:" * len(columns) + "|"]
    names = dict.fromkeys(name for found in results.values() for name in found[HELD_OUT])
    for name in names:
        cells = [cell for found in results.values() for cell in _cells(found, name)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(found: Mapping[str, Any], name: str) -> list[str]:
    row, training = found[HELD_OUT].get(name), found.get(TRAINING, {}).get(name)
    if row is None:
        return [""] * 5
    low, high = row["interval"]
    return [
        f"{row['miou']:.3f} [{low:.3f}, {high:.3f}]",
        " ".join(f"{value:.2f}" for value in row["quarters"]),
        f"{row['recall_50']:.3f}",
        f"{row['rmse']:.0f}" if "rmse" in row else "",
        "" if training is None else f"{training['miou']:.3f}",
    ]


if __name__ == "__main__":
    main()
