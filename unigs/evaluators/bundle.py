"""The evaluators of an evaluation, and how they are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from unigs.evaluators.dual_encoder import DualEncoder
from unigs.evaluators.identity import read_identity
from unigs.evaluators.inception import InceptionFeatures
from unigs.evaluators.mask2former import Mask2FormerEvaluator
from unigs.evaluators.pixel_features import PixelFeatures
from unigs.evaluators.segmenter import PanopticEvaluator, Segmenter
from unigs.models.source import resolve_directory


class FeatureNetwork(Protocol):
    """A network that embeds images."""

    name: str

    def embed_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return (n, d) float32 of (h, w, 3) uint8 images."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Evaluators:
    """Evaluators of generated images; without one its metrics are left out."""

    dual_encoder: DualEncoder | None = None
    segmenter: PanopticEvaluator | None = None
    inception: InceptionFeatures | None = None


def load_evaluators(
    dual_encoder: Path | str | None = None,
    segmenter: Path | str | None = None,
    inception: Path | str | None = None,
    device: str = "cpu",
) -> Evaluators:
    """Load evaluators from local folders or Hub ids (the Inception from a weights file).

    ``dual_encoder`` is ours or any CLIP of transformers, ``segmenter`` ours or a Mask2Former.
    Raises :class:`~unigs.errors.ModelError` naming the folder at fault.
    """
    return Evaluators(
        None if dual_encoder is None else DualEncoder.load(dual_encoder, device=device),
        None if segmenter is None else _load_segmenter(segmenter, device),
        None if inception is None else InceptionFeatures(inception, device),
    )


def _load_segmenter(source: Path | str, device: str) -> PanopticEvaluator:
    folder = resolve_directory(source)
    if read_identity(folder).get("kind") == "segmenter":
        return Segmenter.load(folder, device)
    return Mask2FormerEvaluator(source, device)


def load_features(name: str, device: str = "cpu") -> FeatureNetwork:
    """Return the network for a Frechet distance: ``pixels``, a file of Inception weights, or the
    folder or Hub id of a dual encoder."""
    if name == "pixels":
        return PixelFeatures()
    if Path(name).is_file():
        return InceptionFeatures(name, device)
    return DualEncoder.load(name, device=device)
