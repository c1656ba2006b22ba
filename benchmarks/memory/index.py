"""Peak memory of reading a data set and writing its index, over its number of images.

    python -m benchmarks.memory.index [5000 20000]

A data set of n images is the same 50 generated scenes under n names (hard links), so that its size
costs little to make. Each n is measured in a process of its own. One JSON object per line.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from unigs.datasets import open_dataset
from unigs.datasets.shapes.generate import write_shapes
from unigs.index.scenes_index import build_index

SCENES = 50


def multiply(root: Path, count: int) -> None:
    """Turn the scenes of a `shapes` set into `count` images."""
    file = root / "annotations" / "panoptic_train2017.json"
    document = json.loads(file.read_text())
    images, annotations = document["images"], document["annotations"]
    for number in range(SCENES + 1, count + 1):
        image, annotation = images[number % SCENES], annotations[number % SCENES]
        names = f"{number:012d}.jpg", f"{number:012d}.png"
        os.link(root / "train2017" / image["file_name"], root / "train2017" / names[0])
        os.link(file.with_suffix("") / annotation["file_name"], file.with_suffix("") / names[1])
        images.append({**image, "id": number, "file_name": names[0]})
        annotations.append({**annotation, "image_id": number, "file_name": names[1]})
    file.write_text(json.dumps(document))


def measure(root: Path) -> None:
    """Build the index and print what it took; run in a process that did nothing before."""
    start = time.process_time()
    report = build_index(open_dataset("shapes", root, "train"), root / "train.parquet")
    print(
        json.dumps(
            {
                "images": report.images,
                "entities": report.entities,
                "annotations_mb": round(
                    (root / "annotations" / "panoptic_train2017.json").stat().st_size / 1e6, 1
                ),
                "index_mb": round(report.path.stat().st_size / 1e6, 1),
                "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
                "cpu_seconds": round(time.process_time() - start, 1),
            }
        )
    )


def main() -> None:
    """Make a set of each number of images and measure it in a process of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "counts", nargs="*", type=int, default=[5000, 20000], help="numbers of images"
    )
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        measure(options.measure)
        return
    for count in options.counts:
        with tempfile.TemporaryDirectory() as folder:
            write_shapes(folder, train=SCENES, val=0)
            multiply(Path(folder), count)
            command = [sys.executable, "-m", "benchmarks.memory.index", "--measure", folder]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
