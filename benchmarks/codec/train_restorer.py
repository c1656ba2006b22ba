"""Train the restorer of the decoder `best` and write the weights that come with the package.

    python -m benchmarks.codec.train_restorer \
        --autoencoder TAESD --work build/restorer

It learns from drawn segments alone. Both parts, drawing and training, go on where they were
interrupted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file
from tqdm import tqdm

from unigs.colormap.restorer.restore import WEIGHTS
from unigs.evaluation.codec.latents import through_autoencoder
from unigs.io.files import replacing
from unigs.models.autoencoder import load_autoencoder
from unigs.workflows.train_restorer import draw_example, train

# Latents as they are, and with noise in shares of their deviation.
NOISES = (0.0, 0.0, 0.0, 0.05, 0.15)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--autoencoder", required=True)
    parser.add_argument("--work", type=Path, required=True, help="examples and training state")
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=4800)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    autoencoder = load_autoencoder(options.autoencoder)
    trips = [through_autoencoder(autoencoder, noise) for noise in NOISES]
    examples = [
        draw_example(number, trips, options.work / "examples")
        for number in tqdm(range(options.examples), unit="example")
    ]
    restorer = train(examples, options.steps, options.work)
    half = {name: value.to(torch.float16) for name, value in restorer.state_dict().items()}
    with replacing(options.out) as partial:
        save_file(half, partial)


if __name__ == "__main__":
    main()
