"""Stable Diffusion without masks of its own: inpainting of a coarse mask, and text to image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from unigs.competitors.diffusion import DiffusionPredictor, load_pipeline, resized
from unigs.competitors.request import Request
from unigs.evaluation.predictions import OtherModel, with_hole
from unigs.samples.sample import Sample


def inpainting_inputs(samples: Sequence[Sample], side: int) -> dict[str, Any]:
    """Return image and coarse mask of each sample. The image is cut before it is handed over:
    nothing that is to be generated can leak."""
    images = [Image.fromarray(resized(with_hole(sample), (side, side))) for sample in samples]
    masks = [sample.coarse_mask.astype(np.uint8) * 255 for sample in samples]
    nearest = Image.Resampling.NEAREST
    filled = [Image.fromarray(resized(mask, (side, side), nearest)) for mask in masks]
    return {"image": images, "mask_image": filled}


def load_inpainting(request: Request, device: torch.device) -> OtherModel:
    """Load an inpainting checkpoint (9 channels), or a text-to-image one that diffusers keeps to
    the known pixels at each step (4)."""
    from diffusers import StableDiffusionInpaintPipeline

    pipeline = load_pipeline(StableDiffusionInpaintPipeline, request.weights, device, (9, 4))
    return _images_of(pipeline, request, inpainting_inputs)


def load_text_to_image(request: Request, device: torch.device) -> OtherModel:
    """Load a text-to-image checkpoint: it sees the class names and no layout."""
    from diffusers import StableDiffusionPipeline

    pipeline = load_pipeline(StableDiffusionPipeline, request.weights, device, (4,))
    return _images_of(pipeline, request, lambda samples, side: {})


def _images_of(pipeline: Any, request: Request, inputs: Any) -> OtherModel:
    predictor = DiffusionPredictor(pipeline, request.task, inputs, request.seed, request.sampling)
    return OtherModel(predictor, masks=False)
