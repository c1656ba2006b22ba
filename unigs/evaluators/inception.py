"""The 2015 Inception network, the only features whose Frechet distance is called FID."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from unigs.errors import ConfigError, ModelError
from unigs.evaluators.identity import file_digest
from unigs.io.device import in_batches

#: Start of the SHA-256 of torch-fidelity's conversion of the 2015-12-05 TensorFlow weights.
FID_WEIGHTS = "6726825d"


class InceptionFeatures:
    """2048 pool features with torch-fidelity's own preprocessing, from a weights file by path.

    torchmetrics' FID resizes with antialiasing and by other pixel centres by default; the
    network then sees images that differ by 5.4 grey levels on average over 50 photographs of COCO,
    and by 7.6 when they are 64 pixels wide.

    ``digest`` is the file's SHA-256. ``name`` is ``inception-2015.<sha8>`` and ``is_fid`` True for
    the published weights; for any others the distance is no FID and the name says ``inception``.
    """

    def __init__(self, weights: Path | str, device: str = "cpu") -> None:
        path = Path(weights)
        if not path.is_file():
            raise ModelError(f"{path}: no such file; give the path of the Inception weights")
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError as error:
            raise ConfigError("FID needs torch-fidelity: pip install 'unigs[fidelity]'") from error
        self.digest = file_digest(path)
        try:
            # torch-fidelity unpickles without restraint: what is no plain tensors stops here.
            torch.load(path, weights_only=True)
            network = FeatureExtractorInceptionV3("inception", ["2048"], str(path))
        except (pickle.UnpicklingError, RuntimeError, EOFError, AttributeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"{path}: not Inception weights ({reason})") from error
        self.is_fid = self.digest.startswith(FID_WEIGHTS)
        self.name = f"inception{'-2015' if self.is_fid else ''}.{self.digest[:8]}"
        #: Of weights and preprocessing, the latter being torch-fidelity's own.
        self.cache_key = hashlib.sha256(f"torch-fidelity {self.digest}".encode()).hexdigest()
        self.dimensions = 2048
        self._network, self._device = network.to(device), device

    @torch.inference_mode()
    def embed_images(
        self, images: Sequence[NDArray[np.uint8]], batch_size: int = 32
    ) -> NDArray[np.float32]:
        """Return (n, 2048) float32 of (h, w, 3) uint8 images."""
        one_size = len({image.shape for image in images}) == 1

        def embed(batch: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
            stack = np.stack(batch).transpose(0, 3, 1, 2)
            pixels = torch.from_numpy(np.ascontiguousarray(stack)).to(self._device)
            return np.asarray(self._network(pixels)[0].cpu().numpy())

        none = np.zeros((0, self.dimensions), np.float32)
        size = batch_size if one_size else 1
        return np.concatenate([none, *in_batches(images, size, embed, "pictures")])
