"""What a data set's own segmenter finds in the photographs of some shards, as COCO panoptic.

    python -m benchmarks.competitors.panoptic_predictions --out FOLDER/entity.json
        --segmenter STORE/shapes-tiny/evaluators/segmenter/weights
        --shards STORE/shapes-tiny/shards/val/entity

`unigs run` trains that segmenter in seconds, supervised, on the same training scenes. As a file of
predictions it is a competitor: ``unigs evaluate --pipeline panoptic --predictions
FOLDER/entity.json`` scores it on the samples that our models are scored on (docs/competitors.md).
"""

from __future__ import annotations

import argparse
import json
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from unigs.evaluators.bundle import load_evaluators
from unigs.io.annotations.segment_ids import id_to_rgb
from unigs.shards.read import read_samples

_AT_ONCE = 64


def main() -> None:
    """Segment and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--segmenter", required=True, help="as unigs evaluate --segmenter takes it")
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="JSON; PNGs go beside it")
    options = parser.parse_args()
    segmenter = load_evaluators(segmenter=options.segmenter).segmenter
    assert segmenter is not None
    pictures = options.out.with_suffix("")
    pictures.mkdir(parents=True, exist_ok=True)
    numbers: dict[str, int] = {}
    images, annotations = [], []
    samples = read_samples(options.shards)
    while batch := list(islice(samples, _AT_ONCE)):
        found = segmenter.segment([sample.image for sample in batch])
        for sample, one in zip(batch, found, strict=True):
            number, name = len(images) + 1, f"{sample.key}.png"
            Image.fromarray(id_to_rgb(one.segments)).save(pictures / name)
            height, width = one.segments.shape
            images.append({"id": number, "file_name": name, "height": height, "width": width})
            segments = [
                {
                    "id": label,
                    "category_id": numbers.setdefault(one.classes[label], len(numbers) + 1),
                    "area": int(np.count_nonzero(one.segments == label)),
                    "iscrowd": 0,
                }
                for label in np.unique(one.segments[one.segments > 0]).tolist()
            ]
            annotations.append({"image_id": number, "file_name": name, "segments_info": segments})
    categories = [{"id": n, "name": name, "isthing": 1} for name, n in numbers.items()]
    content = {"images": images, "annotations": annotations, "categories": categories}
    options.out.write_text(json.dumps(content), "utf-8")
    print(f"{len(images)} images, {len(numbers)} classes")


if __name__ == "__main__":
    main()
