"""Loss weights per pixel, so that small entities are learned too.

Every entity counts alike in mIoU and recall; in a plain mean over pixels an entity of 2 % of the
image weighs a twentieth of one of 40 %. (Ours; the paper's loss is the plain mean of Eq. 2.)
"""

from __future__ import annotations

import numpy as np

# Share of the image from which on an entity weighs as the ground does, and the largest weight.
LARGE_SHARE = 0.15
MOST = 6.0


def entity_balance(segments: np.ndarray) -> np.ndarray:
    """Return the weights of the pixels of a label map.

    Args:
        segments: (h, w) integers, 0 = nothing.

    Returns:
        (h, w) float32: 1 for nothing and for entities of at least 15 % of the image, growing as
        area shrinks, at most 6.
    """
    share = np.bincount(segments.ravel()) / segments.size
    weight = np.clip(LARGE_SHARE / np.maximum(share, 1e-9), 1.0, MOST).astype(np.float32)
    weight[0] = 1.0
    return weight[segments]
