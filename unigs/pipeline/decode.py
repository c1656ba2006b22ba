"""Turn decoded pictures into a prediction: entities, task by task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from unigs.colormap import Palette, decode_batch
from unigs.errors import ConfigError
from unigs.pipeline.frame import Frame
from unigs.pipeline.inputs import Inputs
from unigs.pipeline.output import EntityPrediction, UniGSOutput, describe_entities


def decode_predictions(
    inputs: Inputs,
    frame: Frame,
    images: np.ndarray,
    colormaps: np.ndarray,
    palette: Palette,
    decoder: str,
    options: Mapping[str, Any],
    paste_back: bool,
) -> UniGSOutput:
    """Build the prediction for a batch, at the size of the given pictures.

    Where the task has a sampled coarse mask, entities end at it and the background is dropped;
    in the entity task every region stays (supplementary section 6). Where the image is known,
    it guides the decoder.

    Args:
        images, colormaps: (n, H, W, 3) uint8 as the autoencoder decodes them.
        paste_back: take the given image outside the coarse mask.

    Raises:
        ConfigError: the decoder does not take the options.
    """
    try:
        decoded = decode_batch(
            colormaps,
            decoder,
            palette,
            inputs.task.background,
            None if inputs.task.new_image else frame.enter_images(inputs.source),
            **options,
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"decoder_options: {error}", hint=f"see decoder {decoder}") from error
    images, colormaps = frame.leave_images(images), frame.leave_colormaps(colormaps)
    segments = frame.leave_segments(np.stack([one.segments for one in decoded]))
    if inputs.task.coarse == "sampled":
        segments = np.where(inputs.coarse_mask, segments, 0)
    if paste_back:
        images = np.where(inputs.coarse_mask[..., None], images, inputs.source)
    predictions: list[list[EntityPrediction]] = []
    final = np.zeros_like(segments)
    for index, names in enumerate(inputs.names):
        class_name = names[0] if names is not None and len(names) == 1 else None
        scores = decoded[index].scores
        final[index], entities = describe_entities(
            segments[index], scores, [class_name] * len(scores)
        )
        predictions.append(entities)
    return UniGSOutput(images=images, colormaps=colormaps, segments=final, entities=predictions)
