"""The decoders through autoencoders that none of them was chosen or trained with.

    python -m benchmarks.codec.unseen_autoencoder --root COCO

Patches of 8 x 8 pixels as 16 or 32 principal components, fitted to the training photographs.
"""

from __future__ import annotations

import argparse
from itertools import islice, product
from pathlib import Path

import numpy as np
from PIL import Image

from unigs.colormap import Palette
from unigs.datasets import open_dataset
from unigs.evaluation.codec.latents import through_autoencoder
from unigs.evaluation.codec.trial import run_trial, trial_segments
from unigs.models.patch_autoencoder import PatchAutoencoder

REFINE_STEPS = (0, 8)
DATASET, FITTED, FITTED_SIZE = "coco_panoptic", 60, 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--limit", type=int, help="images evaluated")
    options = parser.parse_args()
    photographs = [
        np.array(Image.fromarray(scene.image()).resize((FITTED_SIZE, FITTED_SIZE)))
        for scene in islice(open_dataset(DATASET, options.root, "train"), FITTED)
    ]
    rng = np.random.default_rng(0)
    samples = [
        (scene.key, trial_segments(scene, options.size, None, rng))
        for scene in islice(open_dataset(DATASET, options.root, "val"), options.limit)
    ]
    print("| channels of an 8 x 8 patch | steps of refinement | decoder | mIoU | recall@0.5 |")
    print("|---:|---:|---|---:|---:|")
    for channels in (16, 32):
        autoencoder = PatchAutoencoder.fit(np.stack(photographs), 8, channels)
        for steps, decoder in product(REFINE_STEPS, ("regions", "best", "pdm")):
            trip = through_autoencoder(autoencoder, refine_steps=steps)
            found = run_trial(samples, Palette(), decoder, distortions=[trip])
            cells = f"{found['miou']:.3f} | {found['recall_50']:.3f}"
            print(f"| {channels} | {steps} | `{decoder}` | {cells} |", flush=True)


if __name__ == "__main__":
    main()
