"""How much faster two workers build shards than one; needs two idle cores.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.shard_workers --root DIR [--variants 20]
        [--rounds 3]

``--root`` is a data set in COCO panoptic layout. Wall seconds of the whole build of a task, read
from a scenes index, one worker and two in turn, medians; a build of one variant before starts what
both need. Beside it the parent's CPU seconds over those of one worker's build: what two workers
cannot share. This module imports little, because each worker imports it again.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from unigs.colormap.palette import Palette
from unigs.datasets import open_dataset
from unigs.index.scene_source import IndexedScenes
from unigs.index.scenes_index import build_index
from unigs.samples.options import SampleOptions
from unigs.shards.build import build_shards

SHARDS = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--task", default="inpainting")
    parser.add_argument("--variants", type=int, default=20, help="samples per scene")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        dataset = open_dataset("coco_panoptic", options.root, options.split)
        build_index(dataset, work / "index.parquet")
        scenes = IndexedScenes(work / "index.parquet")
        drawn = SampleOptions(Palette(11), dataset.class_names, size=512)

        def spent(workers: int, variants: int, name: str) -> tuple[float, float]:
            wall, cpu = time.perf_counter(), time.process_time()
            build_shards(
                scenes, options.task, drawn, work / name,
                shards=SHARDS, variants=variants, workers=workers, image_format="jpg",
            )  # fmt: skip
            return time.perf_counter() - wall, time.process_time() - cpu

        for workers in (1, 2):
            spent(workers, 1, f"warm{workers}")
        rounds = [
            [spent(workers, options.variants, f"{number}-{workers}") for workers in (1, 2)]
            for number in range(options.rounds)
        ]
    one, two = (statistics.median(r[place][0] for r in rounds) for place in (0, 1))
    alone = statistics.median(both[1][1] / both[0][1] for both in rounds)
    print(f"one worker {one:.2f} s, two {two:.2f} s: {one / two:.2f} times as fast")
    print(f"the parent of two works {alone:.1%} of the time of one worker's build")


if __name__ == "__main__":
    main()
