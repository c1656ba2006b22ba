"""What a network that embeds images offers to the metrics of features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class FeatureNetwork(Protocol):
    """A network that embeds images.

    Attributes:
        name: what its metrics are called by: label and first digits of the digest of its weights.
        cache_key: SHA-256 (hex) of its weights and preprocessing, by which its features are kept;
            "" where they are not worth it or nothing tells the weights.
    """

    name: str
    cache_key: str

    def embed_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return (n, d) float32 of (h, w, 3) uint8 images."""
        ...
