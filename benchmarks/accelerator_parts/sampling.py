"""Seconds an image of UniGS's pipeline, beside the plain inpainting pipeline's (Table 10)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionInpaintPipeline

from benchmarks.accelerator_parts.bench import SCHEDULE, Bench
from unigs.models.text import build_text_encoder
from unigs.pipeline import UniGSPipeline

GUIDANCE = 7.5
# With steps, pictures, guidance and the type of output.
Call = Callable[[int, int, float, str], object]


def run(bench: Bench) -> None:
    """From the shortest on, so that what is left out for time is what takes longest."""
    calls = pipelines(bench)
    for call in calls.values():
        call(1, 1, 1.0, "latent")
    # Of one step of one picture, by the call before: what a longer call will take.
    step = 0.0
    for steps, batch, scale in product(bench.sizes.steps, bench.sizes.batches, (1.0, GUIDANCE)):
        for kind, call in calls.items():
            passes = steps * batch * (1 if scale == 1.0 else 2)
            spent: list[float] = []
            bench.attempt(
                partial(latents, bench, call, steps, batch, scale, spent), need=step * passes,
                model=kind, steps=steps, batch=batch, guidance=scale != 1.0, decoded=False,
            )  # fmt: skip
            step = spent[0] / passes if spent else step
    for kind, call in calls.items():
        bench.attempt(
            lambda call=call: {
                "seconds_per_image": bench.seconds(
                    lambda: call(bench.sizes.steps[1], 1, GUIDANCE, "np"), warm=1, most=1.0
                )
            },
            need=5, model=kind, steps=bench.sizes.steps[1], batch=1, guidance=True, decoded=True,
        )  # fmt: skip


def latents(
    bench: Bench, call: Call, steps: int, batch: int, scale: float, spent: list[float]
) -> dict[str, Any]:
    """Time a call without the decoding of its latents; the seconds go to `spent` as well."""

    def work() -> object:
        return call(steps, batch, scale, "latent")

    # Long calls are timed once: their steps average themselves.
    long = steps * batch > 40 and not bench.dry
    spent.append(bench.once(work) if long else bench.seconds(work, warm=1, most=0.5))
    return {
        "seconds_per_image": spent[0] / batch,
        "steps_per_second": steps / spent[0],
        "peak_memory_bytes": bench.memory(),
    }


def pipelines(bench: Bench) -> dict[str, Call]:
    """Both pipelines with the same random autoencoder and text encoder, in bfloat16 on a device and
    in float32 on the CPU."""
    dtype = torch.float32 if bench.device.type == "cpu" else torch.bfloat16
    tokenizer, text_encoder = build_text_encoder(["dog"], **bench.sizes.text)
    parts: dict[str, Any] = {
        "vae": bench.autoencoder(),
        "text_encoder": text_encoder,
        "tokenizer": tokenizer,
    }
    ours = UniGSPipeline(**parts, unet=bench.unet("unigs").eval(), scheduler=_schedule())
    plain: Any = StableDiffusionInpaintPipeline(
        **parts, unet=bench.unet("inpainting").eval(), scheduler=_schedule(), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    for pipeline in (ours, plain):
        pipeline.to(bench.device, dtype)
        pipeline.unet.to(memory_format=torch.channels_last)
        pipeline.set_progress_bar_config(disable=True)
    side = bench.sizes.pixels
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    mask = np.zeros((side, side), bool)
    mask[: side // 2] = True
    values = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1
    filled = torch.from_numpy(mask)[None, None].float()

    def call_ours(steps: int, batch: int, scale: float, output: str) -> object:
        return ours(
            "inpainting", image=[picture] * batch, coarse_mask=[mask] * batch,
            names=[["dog"]] * batch, num_inference_steps=steps, guidance_scale=scale,
            output_type="latent" if output == "latent" else "pil",
        )  # fmt: skip

    def call_plain(steps: int, batch: int, scale: float, output: str) -> object:
        return plain(
            prompt=["inpainting: generate dog."] * batch, image=values.expand(batch, -1, -1, -1),
            mask_image=filled.expand(batch, -1, -1, -1), height=side, width=side,
            num_inference_steps=steps, guidance_scale=scale, output_type=output,
        )  # fmt: skip

    return {"unigs": call_ours, "inpainting": call_plain}


def _schedule() -> DDIMScheduler:
    return DDIMScheduler(**SCHEDULE)
