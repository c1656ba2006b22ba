"""What a training step gains from latents on disk, at the sizes of Stable Diffusion 1.5.

    OMP_NUM_THREADS=1 python -m benchmarks.latent_training [--size 256] [--rounds 2]

One sample through the randomly initialised full-size UNet (forward and backward, fp32) and through
the randomly initialised full-size VAE encoder, in CPU seconds; the median over the rounds, after
one of each that does not count. Encoding on the fly costs two pictures a sample, and a third for
inpainting, whose control image is one of its own (0.3 of the draws of the joint model). The step
of the optimiser, the same on both sides, is left out: it does not grow with the batch. About
8 GB of memory.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from diffusers import AutoencoderKL

from unigs.models.autoencoder import encode_images
from unigs.models.unet import build_unet
from unigs.tasks import TASKS

PICTURES = 2 + TASKS["inpainting"].ratio


def seconds(work: Callable[[], object], rounds: int) -> float:
    """CPU seconds of a call, the median after one that does not count."""
    work()
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return statistics.median(spent)


def encoder_seconds(size: int, rounds: int) -> float:
    """One picture through the VAE's encoder."""
    autoencoder = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        norm_num_groups=32,
    ).eval()
    picture = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    return seconds(lambda: encode_images(autoencoder, picture), rounds)


def unet_seconds(size: int, rounds: int) -> float:
    """One sample through the UNet, forward and backward."""
    unet = build_unet("sd15")
    side = size // 8
    latents, text = torch.randn(1, 13, side, side), torch.randn(1, 77, 768)

    def step() -> None:
        unet(latents, torch.tensor([500]), text, class_labels=torch.tensor([0])).sample.pow(
            2
        ).mean().backward()

    return seconds(step, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    encode = encoder_seconds(arguments.size, arguments.rounds)
    step = unet_seconds(arguments.size, arguments.rounds)
    live = step + PICTURES * encode
    print(
        f"{arguments.size} pixels: a picture encoded {encode:.2f} s, UNet forward and backward "
        f"{step:.2f} s a sample; encoding {PICTURES:.1f} pictures on the fly {live:.2f} s a "
        f"sample, from latents {step:.2f} s: {live / step:.2f}x"
    )


if __name__ == "__main__":
    main()
