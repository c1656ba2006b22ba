"""DINOv2 as a feature network: the Frechet distance FD-DINOv2 (G. Stein et al., "Exposing flaws of
generative model evaluation metrics and their unfair treatment of diffusion models", NeurIPS 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers import Dinov2Model

from unigs.errors import ModelError
from unigs.evaluators.identity import cache_key, evaluator_name, weights_folder_digest
from unigs.io.device import in_batches
from unigs.models.source import loading, read_config, resolve_directory, source_name

MODEL_TYPE = "dinov2"
#: Input of the published metric, whatever size the network was trained at; ImageNet's colours.
SIZE = 224
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Dinov2Features:
    """The class token behind the last layer norm, of images squashed to 224x224 (bicubic with
    antialiasing, by Pillow), as published; the published values are those of ViT-L/14.

    ``name`` is the label of the source with the digest of its weights: ``dinov2-large.1a2b3c4d``.

    Args:
        source: folder or Hub id of a transformers ``Dinov2Model`` with safetensors weights.
        device: as torch names it.

    Raises:
        ModelError: not there, or not a DINOv2 (one with registers is another network).
    """

    def __init__(self, source: Path | str, device: str = "cpu") -> None:
        folder = resolve_directory(source)
        kind = read_config(folder).get("model_type")
        if kind != MODEL_TYPE:
            raise ModelError(f"{folder}: a {kind} model, not a DINOv2; check the path")
        digest = weights_folder_digest(folder)
        self.name = evaluator_name(folder, source_name(source), digest)
        self.cache_key = cache_key(folder, digest, size=SIZE, mean=_MEAN, std=_STD)
        try:
            model, report = Dinov2Model.from_pretrained(
                folder, local_files_only=True, output_loading_info=True, **loading(folder)
            )
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"{folder}: not a DINOv2 ({reason}); check the path") from error
        # what transformers does not find it leaves random
        if missing := sorted(report["missing_keys"]):
            raise ModelError(f"{folder}: weights without {missing[0]}; check the path")
        self._model = model.float().eval().requires_grad_(False).to(device)
        self._device = device
        self.dimensions = int(self._model.config.hidden_size)

    @torch.inference_mode()
    def embed_images(
        self, images: Sequence[NDArray[np.uint8]], batch_size: int = 32
    ) -> NDArray[np.float32]:
        """Return (n, d) float32 of (h, w, 3) uint8 images."""

        def embed(batch: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
            found = self._model(pixel_values=_pixels(batch).to(self._device))
            return np.asarray(found.pooler_output.float().cpu().numpy())

        none = np.zeros((0, self.dimensions), np.float32)
        return np.concatenate([none, *in_batches(images, batch_size, embed, "pictures")])


def is_dinov2(folder: Path) -> bool:
    """Return whether a folder's configuration is that of a DINOv2."""
    config = folder / "config.json"
    return config.is_file() and read_config(folder).get("model_type") == MODEL_TYPE


def _pixels(images: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Return (n, 3, 224, 224) float32, normalised."""
    square = (SIZE, SIZE)
    stack = np.stack(
        [
            np.asarray(Image.fromarray(image).resize(square, Image.Resampling.BICUBIC))
            for image in images
        ]
    )
    mean, std = np.array(_MEAN, np.float32), np.array(_STD, np.float32)
    values = (stack.astype(np.float32) / np.float32(255) - mean) / std
    return torch.from_numpy(values).permute(0, 3, 1, 2).contiguous()
