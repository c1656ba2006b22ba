"""Image-text dual encoders: ours, trained on scenes, or a CLIP from disk or Hub.

Its image embeddings are the features of the Frechet distance (as in Paint-by-Example, with
CLIP ViT-B/32) and of ``clip_i_region``; with its text embeddings come ``clip_t_*``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers import CLIPModel, CLIPTokenizer

from unigs.errors import ModelError
from unigs.evaluators.identity import (
    cache_key,
    evaluator_name,
    read_identity,
    weights_folder_digest,
    write_identity,
)
from unigs.io.device import in_batches
from unigs.io.files import replacing_folder
from unigs.models.source import loading, resolve_directory, source_name

#: Normalisation of OpenAI's CLIP, for folders without a preprocessor_config.json.
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class DualEncoder:
    """Embeds images and texts into one space; vectors as the projection gives them, unnormalised.

    ``accuracy`` holds what it scored on held-out scenes when it was trained (empty for others'),
    ``cache_key`` what its image embeddings depend on ("" until it is loaded from a folder).
    """

    def __init__(
        self,
        model: CLIPModel,
        tokenizer: Any,
        name: str,
        mean: Sequence[float] = _CLIP_MEAN,
        std: Sequence[float] = _CLIP_STD,
        accuracy: Mapping[str, float] | None = None,
        device: str = "cpu",
        key: str = "",
    ) -> None:
        self.model = model.eval().requires_grad_(False).to(device)
        self.tokenizer, self.name, self.cache_key = tokenizer, name, key
        self.accuracy = dict(accuracy or {})
        config: Any = model.config
        self.size = int(config.vision_config.image_size)
        self.dimensions = int(config.projection_dim)
        self.tokens_at_most = int(config.text_config.max_position_embeddings)
        self._mean, self._std = np.array(mean, np.float32), np.array(std, np.float32)
        self._device = device

    @torch.inference_mode()
    def embed_images(
        self, images: Sequence[NDArray[np.uint8]], batch_size: int = 64
    ) -> NDArray[np.float32]:
        """Return (n, d) float32 of (h, w, 3) uint8 images, each squashed to the network's
        square."""

        def embed(batch: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
            pixels = self.pixels(batch).to(self._device, self.model.dtype)
            features = image_features(self.model, pixels)
            return np.asarray(features.float().cpu().numpy())

        none = np.zeros((0, self.dimensions), np.float32)
        return np.concatenate([none, *in_batches(images, batch_size, embed, "pictures")])

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str], batch_size: int = 256) -> NDArray[np.float32]:
        """Return (n, d) float32 of texts; those longer than the network reads are cut."""
        parts = [np.zeros((0, self.dimensions), np.float32)]
        for start in range(0, len(texts), batch_size):
            tokens = self.tokens(texts[start : start + batch_size])
            on_device = {key: value.to(self._device) for key, value in tokens.items()}
            parts.append(text_features(self.model, on_device).float().cpu().numpy())
        return np.concatenate(parts)

    def pixels(self, images: Sequence[NDArray[np.uint8]]) -> Tensor:
        """Return (n, 3, s, s) float32, normalised."""
        stack = np.stack([_squash(image, self.size) for image in images])
        values = (stack.astype(np.float32) / np.float32(255) - self._mean) / self._std
        return torch.from_numpy(values).permute(0, 3, 1, 2).contiguous()

    def tokens(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Token ids and attention mask, padded to the longest text."""
        length = self.tokens_at_most
        encoded = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=length, return_tensors="pt"
        )
        return {"input_ids": encoded.input_ids, "attention_mask": encoded.attention_mask}

    def save(self, folder: Path, label: str) -> None:
        """Write a transformers folder with ``evaluator.json``, atomically."""
        with replacing_folder(Path(folder)) as partial:
            self._write(partial, label)
        self.name = evaluator_name(Path(folder))

    def _write(self, folder: Path, label: str) -> None:
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        settings = {"image_mean": self._mean.tolist(), "image_std": self._std.tolist()}
        (folder / "preprocessor_config.json").write_text(json.dumps(settings) + "\n")
        write_identity(folder, {"label": label, "kind": "dual_encoder", "accuracy": self.accuracy})

    @classmethod
    def load(cls, folder: Path | str, label: str | None = None, device: str = "cpu") -> DualEncoder:
        """Load a CLIPModel with safetensors weights, ours or, e.g., CLIP ViT-B/32, from a folder
        or Hub id; ``label`` is its name in the metrics where it carries none of its own."""
        label = label or source_name(folder)
        folder = resolve_directory(folder)
        digest = weights_folder_digest(folder)
        name = evaluator_name(folder, label, digest)
        try:
            model = CLIPModel.from_pretrained(folder, local_files_only=True, **loading(folder))
            tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"{folder}: not a CLIP model ({reason}); check the path") from error
        settings = folder / "preprocessor_config.json"
        given = json.loads(settings.read_text()) if settings.exists() else {}
        mean, std = given.get("image_mean", _CLIP_MEAN), given.get("image_std", _CLIP_STD)
        return cls(
            model,
            tokenizer,
            name,
            mean,
            std,
            read_identity(folder).get("accuracy"),
            device,
            cache_key(folder, digest, squash="bicubic", mean=mean, std=std),
        )


def image_features(model: CLIPModel, pixels: Tensor) -> Tensor:
    """Return (n, d) projected image embeddings."""
    return model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)


def text_features(model: CLIPModel, tokens: Mapping[str, Tensor]) -> Tensor:
    """Return (n, d) projected text embeddings."""
    return model.text_projection(model.text_model(**tokens).pooler_output)


def _squash(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    if image.shape[:2] == (size, size):
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))
