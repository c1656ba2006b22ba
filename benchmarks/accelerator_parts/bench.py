"""What every part measures with: its device, its sizes, its time, and the rows that it writes."""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from unigs.models.unet import ARCHITECTURES, build_unet

T = TypeVar("T")

CHANNELS = 4
# Stable Diffusion 1.5's.
SCHEDULE = {
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012,
    "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1,
    "prediction_type": "epsilon",
}  # fmt: skip


@dataclass(frozen=True)
class Sizes:
    """Stable Diffusion 1.5's by default.

    Attributes:
        unet: arguments of UNet2DConditionModel. side: of the latents. tokens: of a prompt.
        samples: of a batch on a device.
        autoencoder: channels of the levels of an AutoencoderKL. pixels: side of the pictures.
        text: arguments of `build_text_encoder`. clip: of CLIP's two towers (none: ViT-B/32).
        inception: side of its pictures.
        steps, batches: of sampling. rounds: timed calls of each kind.
    """

    unet: dict[str, Any] = field(default_factory=lambda: ARCHITECTURES["sd15"])
    side: int = 64
    tokens: int = 77
    samples: tuple[int, ...] = (16, 64)
    autoencoder: tuple[int, ...] = (128, 256, 512, 512)
    pixels: int = 512
    text: dict[str, int] = field(
        default_factory=lambda: {"hidden_size": 768, "layers": 12, "heads": 12, "max_length": 77}
    )
    clip: dict[str, Any] = field(default_factory=dict)
    inception: int = 299
    steps: tuple[int, ...] = (1, 20, 50, 200)
    batches: tuple[int, ...] = (1, 8)
    pictures: int = 256
    rounds: int = 8


DRY = Sizes(
    unet={
        "sample_size": 8,
        "block_out_channels": (32, 64),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 1,
        "cross_attention_dim": 32,
        "attention_head_dim": 8,
    },
    side=8,
    tokens=16,
    samples=(2, 4),
    autoencoder=(32, 32),
    pixels=16,
    text={"hidden_size": 32, "layers": 1, "heads": 4, "max_length": 16},
    clip={
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
    },
    inception=75,
    steps=(1, 2),
    batches=(1, 2),
    pictures=4,
    rounds=2,
)


@dataclass
class Bench:
    """One part's run.

    Attributes:
        rows: a file that gets one JSON object a line as soon as it is known, so that a part that
            is cut short leaves what it has.
        deadline: by `time.monotonic`.
        peak: dense bfloat16 FLOP/s of the device by its data sheet; None if unknown.
    """

    device: torch.device
    sizes: Sizes
    rows: Path
    deadline: float
    peak: float | None

    @property
    def dry(self) -> bool:
        """On the CPU, at sizes that say nothing about speed."""
        return self.sizes is DRY or self.device.type == "cpu"

    def left(self) -> float:
        """Seconds that this part still has."""
        return self.deadline - time.monotonic()

    def row(self, **fields: Any) -> None:
        """Write a row."""
        with self.rows.open("a") as file:
            file.write(json.dumps(fields) + "\n")
        print(fields, flush=True)

    def attempt(
        self, work: Callable[[], dict[str, Any] | None], need: float = 0.0, **label: Any
    ) -> bool:
        """Write the row that `work` gives, if any; where it fails or `need` seconds are not left, a
        row that says so. Returns whether it succeeded."""
        if self.left() < need:
            self.row(**label, skipped=f"{self.left():.0f} s left, needs about {need:.0f} s")
            return False
        failed = False
        try:
            if found := work():
                self.row(**label, **found)
        except Exception as error:
            self.row(**label, failed=message(error))
            failed = True
        # Here the error, whose traceback holds the device's memory, is gone.
        self.forget()
        return not failed

    def forget(self) -> None:
        """Free the device's memory of what nobody holds any more."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def wait(self) -> None:
        """Until the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def seconds(self, work: Callable[[], object], warm: int = 2, most: float = 4.0) -> float:
        """Return the median seconds of a call, of as many as take `most` seconds, at least three
        (two on a dry run) and at most four times the rounds."""
        for _ in range(1 if self.dry else warm):
            work()
        spent: list[float] = []
        least = 2 if self.dry else 3
        while len(spent) < least or (sum(spent) < most and len(spent) < 4 * self.sizes.rounds):
            spent.append(self.once(work))
            if self.dry and len(spent) == least:
                break
        return statistics.median(spent)

    def once(self, work: Callable[[], object]) -> float:
        """Return the seconds of one call."""
        self.wait()
        started = time.perf_counter()
        work()
        self.wait()
        return time.perf_counter() - started

    def memory(self) -> int | None:
        """Return the most bytes that were allocated since the last row; None on the CPU."""
        return torch.cuda.max_memory_allocated() if self.device.type == "cuda" else None

    def share(self, flops: float, seconds: float) -> float | None:
        """Return the share of the peak at which so many operations were done."""
        return flops / seconds / self.peak if self.peak else None

    def unet(self, kind: str) -> UNet2DConditionModel:
        """Return a UNet with random weights: `unigs`, or Stable Diffusion's `inpainting`."""
        return make_unet(kind, self.sizes, self.device)

    def autoencoder(self) -> AutoencoderKL:
        """Return Stable Diffusion's autoencoder with random weights, frozen."""
        levels = len(self.sizes.autoencoder)
        with torch.device(self.device):
            made = AutoencoderKL(
                block_out_channels=self.sizes.autoencoder,
                down_block_types=("DownEncoderBlock2D",) * levels,
                up_block_types=("UpDecoderBlock2D",) * levels,
                layers_per_block=2,
                latent_channels=CHANNELS,
                norm_num_groups=32,
            )
        return made.eval().requires_grad_(False)


def make_unet(kind: str, sizes: Sizes, device: torch.device) -> UNet2DConditionModel:
    """Return a UNet with random weights: `unigs`, or Stable Diffusion's `inpainting`."""
    torch.manual_seed(0)
    with torch.device(device):
        if kind == "unigs":
            return build_unet(sizes.unet, CHANNELS)
        return UNet2DConditionModel(
            **sizes.unet, in_channels=2 * CHANNELS + 1, out_channels=CHANNELS
        )


def message(error: BaseException) -> str:
    """Return an error in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]


def read_rows(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a part; a last line that was cut is left out."""
    rows = []
    for line in file.read_text().splitlines() if file.exists() else []:
        with suppress(json.JSONDecodeError):
            rows.append(json.loads(line))
    return rows
