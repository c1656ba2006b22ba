"""Pictures a second of the networks of evaluation: CLIP ViT-B/32 and Inception v3."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torchvision.models import inception_v3
from transformers import CLIPConfig, CLIPModel

from benchmarks.accelerator_parts.bench import Bench
from unigs.evaluators.dual_encoder import DualEncoder, image_features
from unigs.io.machine import autocast, float32_products
from unigs.models.tokenizer import build_tokenizer

BATCH = 256


def run(bench: Bench) -> None:
    """Each network on pictures of its size that are on the device, in two precisions; and CLIP from
    uint8 pictures of 512x512, which the processor shrinks."""
    towers = bench.sizes.clip
    with torch.device(bench.device):
        clip = CLIPModel(CLIPConfig(text_config=towers, vision_config=towers)).eval()
        inception = inception_v3(weights=None, init_weights=False, transform_input=False).eval()
    batch = BATCH if not bench.dry else 2
    networks: dict[str, tuple[Any, int]] = {
        "CLIP ViT-B/32": (lambda pixels: image_features(clip, pixels), 224),
        "Inception v3": (
            inception.to(memory_format=torch.channels_last), bench.sizes.inception,
        ),
    }  # fmt: skip
    for name, (network, side) in networks.items():
        pixels = torch.randn(batch, 3, side, side, device=bench.device)
        for precision in ("tf32", "bf16"):

            def row(
                network: Any = network, pixels: torch.Tensor = pixels, precision: str = precision
            ) -> dict[str, Any]:
                with (
                    torch.inference_mode(),
                    float32_products(precision, bench.device),
                    autocast(precision, bench.device),
                ):
                    seconds = bench.seconds(lambda: network(pixels), most=1.0)
                return {"images_per_second": batch / seconds, "peak_memory_bytes": bench.memory()}

            bench.attempt(
                row, need=2, network=name, precision=precision, batch=batch, pixels=side,
                from_uint8=False,
            )  # fmt: skip
    encoder = DualEncoder(clip, build_tokenizer(["dog"]), "clip", device=str(bench.device))
    side = bench.sizes.pixels
    pictures = np.random.default_rng(0).integers(0, 256, (batch, side, side, 3), dtype=np.uint8)
    bench.attempt(
        lambda: {
            "images_per_second": batch
            / bench.seconds(lambda: encoder.embed_images(list(pictures)), warm=1, most=1.0)
        },
        need=3, network="CLIP ViT-B/32", precision="fp32", batch=batch, pixels=side,
        from_uint8=True,
    )  # fmt: skip
