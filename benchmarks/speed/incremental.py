"""Time of building index and shards again after one image more, over the first build's.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.incremental [--images 1000] [--size 256]
        [--shards 64]

The images are 50 generated scenes under many names, each name a file of its own (hard links). The
first build writes the index of all but one and the shards of every task; the second comes after
the last image was annotated. Both run in one process that has already built something, and are
given in CPU and in wall seconds.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from benchmarks.memory.index import SCENES, multiply
from unigs.colormap.palette import Palette
from unigs.datasets import open_dataset
from unigs.datasets.shapes.generate import write_shapes
from unigs.index.scene_source import IndexedScenes
from unigs.index.scenes_index import build_index
from unigs.samples.options import SampleOptions
from unigs.shards.build import build_shards
from unigs.tasks import TASKS


def build(root: Path, out: Path, size: int, shards: int) -> dict[str, int]:
    """Index and shards of every task; how many shards of each were written."""
    dataset = open_dataset("shapes", root, "train")
    build_index(dataset, out / "index.parquet", cache=out / "rows.parquet")
    options = SampleOptions(Palette(11), dataset.class_names, size=size)
    scenes = IndexedScenes(out / "index.parquet")
    return {
        task: len(
            build_shards(scenes, task, options, out / task, shards=shards, image_format="jpg").built
        )
        for task in TASKS
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--shards", type=int, default=64)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "root", Path(folder) / "out"
        write_shapes(root, train=SCENES, val=0, size=arguments.size)
        build(root, out / "warm", arguments.size, 1)
        multiply(root, arguments.images + 1)
        file = root / "annotations" / "panoptic_train2017.json"
        whole = json.loads(file.read_text())
        fewer = whole | {part: whole[part][:-1] for part in ("images", "annotations")}
        spent = []
        for document in (fewer, whole):
            file.write_text(json.dumps(document))
            wall, cpu = time.perf_counter(), time.process_time()
            built = build(root, out / "timed", arguments.size, arguments.shards)
            spent.append((time.perf_counter() - wall, time.process_time() - cpu))
            print(f"shards written: {built}")
        (first_wall, first_cpu), (again_wall, again_cpu) = spent
        print(
            f"first {first_cpu:.2f} s CPU, {first_wall:.2f} s wall; one image more "
            f"{again_cpu:.2f} s CPU ({again_cpu / first_cpu:.1%}), "
            f"{again_wall:.2f} s wall ({again_wall / first_wall:.1%})"
        )


if __name__ == "__main__":
    main()
