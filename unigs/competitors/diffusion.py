"""Images of diffusers pipelines of the Stable Diffusion family, at the size they were trained at.

The side is the UNet's `sample_size` times the reduction of the autoencoder: 512 of Stable
Diffusion 1. Inputs of another size are resized to it (bicubic; masks and colour codes by nearest
pixel), the image is resized back (bicubic, antialiased where it shrinks). The prompt is the class
names, largest entity first; every sample draws from its own generator, that of our own model.
Weights are float32; on an accelerator that multiplies bfloat16 faster the pipeline computes
so, and the image is decoded as our own model's is. Safety checkers, which would paint images
black, are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from unigs.errors import ModelError
from unigs.evaluation.image_metrics import spoken_names
from unigs.evaluation.predictions import Prediction, generator_of
from unigs.io.device import in_batches
from unigs.io.machine import autocast
from unigs.models.autoencoder import decode_latents, vae_scale_factor
from unigs.models.source import (
    loading,
    read_config,
    require_family,
    require_pipeline,
    resolve_directory,
)
from unigs.samples.sample import Sample

#: Makes the inputs of a pipeline call beside the prompt: of samples and the side in pixels.
Inputs = Callable[[Sequence[Sample], int], dict[str, Any]]
_PREFIX = "StableDiffusion"
COMPONENTS = ("vae", "text_encoder", "unet")


@dataclass(frozen=True, slots=True)
class DiffusionPredictor:
    """Predicts images with a pipeline of diffusers.

    Attributes:
        pipeline: takes `prompt`, `generator`, `height`, `width` and `output_type`, and gives
            latents.
        task, seed: choose the generator of each sample.
        inputs: what it takes besides.
        options: `num_inference_steps`, `guidance_scale`; the pipeline's own where absent.
    """

    pipeline: Any
    task: str
    inputs: Inputs
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def side(self) -> int:
        """The side of its images in pixels."""
        return int(self.pipeline.unet.config.sample_size) * vae_scale_factor(self.pipeline.vae)

    def __call__(self, samples: Sequence[Sample]) -> list[Prediction]:
        parts = in_batches(samples, len(samples), self._predict, "samples")
        return [prediction for part in parts for prediction in part]

    def _predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        device = self.pipeline.unet.device
        # As our own model: the CPU keeps float32, so that its figures are those of any CPU.
        with autocast("fp32" if device.type == "cpu" else "auto", device):
            latents = self.pipeline(
                prompt=[spoken_names(sample) for sample in samples],
                generator=[generator_of(self.seed, self.task, one.key) for one in samples],
                height=self.side,
                width=self.side,
                output_type="latent",
                **self.inputs(samples, self.side),
                **self.options,
            ).images
        images = decode_latents(self.pipeline.vae, latents)
        return [
            Prediction(image=resized(image, sample.segments.shape))
            for image, sample in zip(images, samples, strict=True)
        ]


def resized(
    pixels: NDArray[Any],
    size: tuple[int, ...],
    how: Image.Resampling = Image.Resampling.BICUBIC,
) -> NDArray[Any]:
    """Return (h, w, ...) pixels at `size` (h, w); those that have it as they are."""
    if pixels.shape[:2] == tuple(size):
        return pixels
    height, width = size
    return np.asarray(Image.fromarray(pixels).resize((width, height), how))


def load_pipeline(
    family: Any,
    checkpoint: Path | str,
    device: torch.device,
    channels: Sequence[int],
    **parts: Any,
) -> Any:
    """Load a pipeline folder or Hub id of diffusers into another pipeline class of its family.

    Args:
        family: the class.
        channels: input channels that its UNet may have.
        parts: components that the folder lacks.

    Raises:
        ModelError: no such pipeline, pickles only, another family, or weights that do not fit.
    """
    folder = resolve_directory(checkpoint)
    require_family(folder)
    require_pipeline(folder)
    name = str(read_config(folder, "model_index.json").get("_class_name"))
    if not name.startswith(_PREFIX):
        raise ModelError(f"{folder}: a {name}; give a {_PREFIX} pipeline, as diffusers saves it")
    found = read_config(folder / "unet").get("in_channels")
    if found not in channels:
        wanted = " or ".join(map(str, channels))
        raise ModelError(
            f"{folder}: its UNet takes {found} channels, {family.__name__} {wanted}; "
            "give a checkpoint that was trained for it"
        )
    # Of each component diffusers takes the half precision that is asked for where there is one.
    chosen = [loading(folder / part) for part in COMPONENTS]
    variant = next((one["variant"] for one in chosen if one["variant"]), None)
    try:
        pipeline = family.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            variant=variant,
            dtype=torch.float32,
            safety_checker=None,
            requires_safety_checker=False,
            **parts,
        )
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{folder}: no {family.__name__} ({reason}); check the path") from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)
