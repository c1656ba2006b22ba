"""The way of a full-size checkpoint on the machine at hand: load, train, sample, save, load again.

    python -m benchmarks.memory.full_size [--rank 4] [--pixels 512] [--json FILE] [--dry]

A Stable Diffusion 1.5 inpainting checkpoint (859 M UNet, autoencoder, text encoder) is written with
random weights in half precision, in diffusers' layout, and then used as a published one is:
`load_unet` and `expand_unet`, one step on low-rank adapters (extra `lora`) with gradient
checkpointing, one sampling step of `entity`, `save_pretrained`, `from_pretrained`, and the same
sampling step again, which must give the same image. For each stage its seconds and the process's
peak memory so far. About 4 GB of disk are needed for a while; `--dry` takes miniature sizes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionInpaintPipeline

from benchmarks.accelerator_parts.bench import CHANNELS, DRY, Bench, Sizes, make_unet
from unigs.config.preset import load_preset
from unigs.io.process_memory import peak_memory
from unigs.models.autoencoder import load_autoencoder
from unigs.models.components import fresh_unet
from unigs.models.noise_schedule import build_scheduler, complete_schedule
from unigs.models.text import build_text_encoder, load_text_encoder
from unigs.pipeline import UniGSPipeline
from unigs.pipeline.assemble import assemble
from unigs.training.batch_errors import batch_errors
from unigs.training.lora import add_adapters, merge_adapters
from unigs.training.optimizer import build_optimizer

CPU = torch.device("cpu")


def main() -> None:
    """Parse arguments, go the way, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rank", type=int, default=4, help="of the adapters")
    parser.add_argument("--pixels", type=int, default=512)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--dry", action="store_true", help="miniature sizes")
    options = parser.parse_args()
    sizes = DRY if options.dry else Sizes(side=options.pixels // 8, pixels=options.pixels)
    stages: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        way(Path(folder), sizes, options.rank, stages)
    print("| stage | seconds | peak memory so far, GB |\n|---|---:|---:|")
    for stage in stages:
        print(f"| {stage['stage']} | {stage['seconds']:.1f} | {stage['peak_bytes'] / 1e9:.2f} |")
    if options.json:
        options.json.write_text(json.dumps({"pixels": sizes.pixels, "stages": stages}, indent=1))


def way(folder: Path, sizes: Sizes, rank: int, stages: list[dict[str, Any]]) -> None:
    """Go it in `folder`; a record is added to `stages` at the end of each stage.

    Raises:
        SystemExit: the loaded pipeline gives another image than the saved one.
    """

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        stages.append({"stage": name, "seconds": seconds, "peak_bytes": peak_memory(CPU)})

    source, model = folder / "random weights", folder / "model"
    with stage("write the checkpoint"):
        write_checkpoint(source, sizes)
    preset = load_preset("sd15", {"checkpoint": str(source), "data.size": sizes.pixels})
    preset = complete_schedule(preset)
    with stage("load and extend"):
        autoencoder = load_autoencoder(source)
        tokenizer, text_encoder = load_text_encoder(source)
        unet = fresh_unet(preset, autoencoder)
        count = sum(parameter.numel() for parameter in unet.parameters())
    print(f"UNet of {count / 1e6:.1f} M parameters", flush=True)
    with stage("one training step, adapters"):
        add_adapters(unet, rank, seed=0)
        unet.enable_gradient_checkpointing()
        loss = train_step(unet, preset, sizes)
        merge_adapters(unet)
        unet.disable_gradient_checkpointing()
    print(f"loss {loss:.4f}", flush=True)
    pipeline = assemble(preset, unet.eval(), autoencoder, tokenizer, text_encoder, ["entity"])
    with stage("one sampling step"):
        expected = sampled(pipeline, sizes)
    with stage("save"):
        pipeline.save_pretrained(model)
    del pipeline, unet, autoencoder, text_encoder
    with stage("load again"):
        loaded = UniGSPipeline.from_pretrained(model)
    if not np.array_equal(sampled(loaded, sizes), expected):
        raise SystemExit("the loaded pipeline gives another colormap than the saved one")


def write_checkpoint(folder: Path, sizes: Sizes) -> None:
    """Save an inpainting pipeline with random weights as float16 safetensors."""
    tokenizer, text_encoder = build_text_encoder(["dog"], **sizes.text)
    parts: dict[str, Any] = {
        "vae": Bench(CPU, sizes, folder, time.monotonic(), None).autoencoder(),
        "text_encoder": text_encoder,
        "tokenizer": tokenizer,
        "unet": make_unet("inpainting", sizes, CPU),
        "scheduler": DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False),
    }
    pipeline: Any = StableDiffusionInpaintPipeline(
        **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pipeline.to(torch.float16)
    pipeline.save_pretrained(folder)


def train_step(unet: Any, preset: Any, sizes: Sizes) -> float:
    """Take one optimiser step on one sample of random latents; return its loss."""
    generator = torch.Generator().manual_seed(0)

    def drawn(channels: int) -> torch.Tensor:
        return torch.randn(1, channels, sizes.side, sizes.side, generator=generator)

    ones = torch.ones(1, 1, sizes.side, sizes.side)
    width = unet.config.cross_attention_dim
    batch = {
        "image": drawn(CHANNELS),
        "colormap": drawn(CHANNELS),
        "control": drawn(CHANNELS),
        "coarse": ones,
        "valid": ones,
        "balance": ones,
        "text": torch.randn(1, sizes.tokens, width, generator=generator),
        "task": torch.zeros(1, dtype=torch.int64),
    }
    unet.train()
    optimizer = build_optimizer([p for p in unet.parameters() if p.requires_grad], preset.training)
    scheduler = build_scheduler(preset.diffusion)
    noise, timesteps = drawn(2 * CHANNELS), torch.tensor([500])
    errors = batch_errors(unet, scheduler, preset.training, batch, timesteps, noise, CPU)
    errors.mean().backward()
    optimizer.step()
    return errors.detach().mean().item()


def sampled(pipeline: Any, sizes: Sizes) -> np.ndarray:
    """Return the colormap latents of one step of `entity` on a random picture."""
    pipeline.set_progress_bar_config(disable=True)
    shape = (sizes.pixels, sizes.pixels, 3)
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    output = pipeline(
        "entity", image=picture, num_inference_steps=1, output_type="latent",
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    return np.stack([np.asarray(latents, np.float32) for latents in output.colormaps])


if __name__ == "__main__":
    main()
