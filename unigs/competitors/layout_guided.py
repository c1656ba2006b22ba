"""Text to image that follows a colormap: ControlNet and T2I-Adapter for segmentation.

Both are given the layout in ADE20K's colour code (`unigs.competitors.ade20k_colors`), in which
ControlNet-seg was trained. That of the published T2I-Adapter is not documented: one trained in
another code is worth more than it scores here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from unigs.competitors.ade20k_colors import coded_colormap, without_color
from unigs.competitors.diffusion import DiffusionPredictor, load_pipeline, resized
from unigs.competitors.notes import told
from unigs.competitors.request import Request
from unigs.competitors.samples_ahead import classes_ahead
from unigs.errors import ModelError
from unigs.evaluation.predictions import OtherModel
from unigs.models.source import component_directory, loading
from unigs.samples.sample import Sample


def layout_inputs(samples: Sequence[Sample], side: int) -> dict[str, Any]:
    """Return the colour-coded layout of each sample, resized by nearest pixel."""
    nearest = Image.Resampling.NEAREST
    layouts = [resized(coded_colormap(sample), (side, side), nearest) for sample in samples]
    return {"image": [Image.fromarray(np.ascontiguousarray(layout)) for layout in layouts]}


def load_controlnet(request: Request, device: torch.device) -> OtherModel:
    """Load a ControlNet with the Stable Diffusion that it steers; see `_load`."""
    from diffusers import ControlNetModel, StableDiffusionControlNetPipeline

    return _load(request, device, ControlNetModel, StableDiffusionControlNetPipeline, "controlnet")


def load_t2i_adapter(request: Request, device: torch.device) -> OtherModel:
    """Load a T2I-Adapter with the Stable Diffusion that it steers; see `_load`."""
    from diffusers import StableDiffusionAdapterPipeline, T2IAdapter

    return _load(request, device, T2IAdapter, StableDiffusionAdapterPipeline, "adapter")


def _load(
    request: Request, device: torch.device, network: Any, family: Any, part: str
) -> OtherModel:
    """Load `part` from `request.adapter`, or from the checkpoint where that holds it itself; the
    rest of the pipeline from the checkpoint.

    Raises:
        ModelError: neither holds it, or it is of another kind.
    """
    place = request.adapter if request.adapter is not None else request.weights
    folder = component_directory(place, part)
    try:
        steering = network.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, **loading(folder)
        )
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{folder}: no {network.__name__} ({reason}); check the path") from error
    pipeline = load_pipeline(family, request.weights, device, (4,), **{part: steering})
    unmatched = without_color(classes_ahead(request.shards, request.limit))
    count = told(unmatched, "classes are none of ADE20K's and stay black in the layout")
    predictor = DiffusionPredictor(
        pipeline, request.task, layout_inputs, request.seed, request.sampling
    )
    return OtherModel(predictor, masks=False, counts={"n_classes_without_colour": count})
