"""The evaluators of an evaluation, and how they are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unigs.evaluators.dinov2 import Dinov2Features, is_dinov2
from unigs.evaluators.dual_encoder import DualEncoder
from unigs.evaluators.feature_cache import FeatureCache
from unigs.evaluators.identity import read_identity
from unigs.evaluators.inception import InceptionFeatures
from unigs.evaluators.mask2former import Mask2FormerEvaluator
from unigs.evaluators.network import FeatureNetwork
from unigs.evaluators.pixel_features import PixelFeatures
from unigs.evaluators.segmenter import PanopticEvaluator, Segmenter
from unigs.models.source import resolve_directory

__all__ = ["Evaluators", "load_evaluators"]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluators:
    """Evaluators of generated images; without one its metrics are left out.

    ``cache`` keeps the features of real images; without it they are computed each time.
    """

    dual_encoder: DualEncoder | None = None
    segmenter: PanopticEvaluator | None = None
    inception: InceptionFeatures | None = None
    dinov2: Dinov2Features | None = None
    cache: FeatureCache | None = None

    @property
    def feature_networks(self) -> list[FeatureNetwork]:
        """Those that embed images, in the order in which their metrics are shown."""
        found = (self.inception, self.dual_encoder, self.dinov2)
        return [network for network in found if network is not None]

    def cached(self, network: FeatureNetwork) -> FeatureNetwork:
        """Return the network behind the cache, if there is one."""
        return network if self.cache is None else self.cache.of(network)


def load_evaluators(
    dual_encoder: Path | str | None = None,
    segmenter: Path | str | None = None,
    inception: Path | str | None = None,
    dinov2: Path | str | None = None,
    *,
    features: Path | None = None,
    device: str = "cpu",
) -> Evaluators:
    """Load evaluators from local folders or Hub ids (the Inception from a weights file).

    Args:
        dual_encoder: ours or any CLIP of transformers.
        segmenter: ours or a Mask2Former.
        inception: the file of the 2015 weights.
        dinov2: a DINOv2 of transformers.
        features: folder that keeps the features of real images (`FeatureCache`).
        device: where they compute, as torch names it.

    Raises:
        ModelError: the folder at fault is named.
    """
    return Evaluators(
        None if dual_encoder is None else DualEncoder.load(dual_encoder, device=device),
        None if segmenter is None else _load_segmenter(segmenter, device),
        None if inception is None else InceptionFeatures(inception, device),
        None if dinov2 is None else Dinov2Features(dinov2, device),
        None if features is None else FeatureCache(features),
    )


def _load_segmenter(source: Path | str, device: str) -> PanopticEvaluator:
    folder = resolve_directory(source)
    if read_identity(folder).get("kind") == "segmenter":
        return Segmenter.load(folder, device)
    return Mask2FormerEvaluator(source, device)


def load_features(name: str, device: str = "cpu") -> FeatureNetwork:
    """Return the network for a Frechet distance: ``pixels``, a file of Inception weights, or the
    folder or Hub id of a DINOv2 or a dual encoder."""
    if name == "pixels":
        return PixelFeatures()
    if Path(name).is_file():
        return InceptionFeatures(name, device)
    if is_dinov2(resolve_directory(name)):
        return Dinov2Features(name, device)
    return DualEncoder.load(name, device=device)
