"""Features of images on disk, so that the same photographs are not embedded for every model.

An image is known by the SHA-256 of its pixels, a network by that of its weights and preprocessing:
each has a folder of safetensors files. A file is named by the SHA-256 of its own bytes: what was
cut short or changed is seen, left out with a warning, and its images are embedded again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from unigs.errors import DataError
from unigs.evaluators.network import FeatureNetwork
from unigs.io.files import sha256_of, writing

logger = logging.getLogger(__name__)

_IMAGES, _FEATURES = "images", "features"
# New features that wait to be written: so much is lost when a process is killed.
_AT_MOST = 4096


class FeatureCache:
    """The features below one folder, by network. Processes may share it.

    Args:
        folder: need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._networks: dict[str, CachedFeatures] = {}

    def of(self, network: FeatureNetwork) -> FeatureNetwork:
        """Return the network behind its cache, or itself if nothing tells its weights."""
        if not network.cache_key:
            return network
        if network.cache_key not in self._networks:
            place = self._folder / f"{network.name}-{network.cache_key[:32]}"
            self._networks[network.cache_key] = CachedFeatures(network, place)
        return self._networks[network.cache_key]

    def save(self) -> None:
        """Write what is new."""
        for network in self._networks.values():
            network.save()


class CachedFeatures:
    """A network that embeds only images whose features are not on disk.

    The last digits of cached features are those of the batch and the device that they were first
    computed with.
    """

    def __init__(self, network: FeatureNetwork, folder: Path) -> None:
        self.name, self.cache_key = network.name, network.cache_key
        self._network, self._folder = network, folder
        self._known: dict[bytes, tuple[_File, int]] = {}
        self._new: dict[bytes, NDArray[np.float32]] = {}
        self._writable = True
        for path in sorted(folder.glob("*.safetensors")):
            self._add(path)

    def embed_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return (n, d) float32 of (h, w, 3) uint8 images."""
        if not images:
            return self._network.embed_images(images)
        keys = [pixels_digest(image) for image in images]
        missing = {
            key: image
            for key, image in zip(keys, images, strict=True)
            if key not in self._known and key not in self._new
        }
        if missing:
            found = self._network.embed_images(list(missing.values()))
            self._new |= dict(zip(missing, found, strict=True))
        rows = np.stack([self._row(key) for key in keys])
        if self._writable and len(self._new) >= _AT_MOST:
            self.save()
        return rows

    def save(self) -> None:
        """Write the new features; where that is impossible a warning says so."""
        if not self._new:
            return
        images = np.stack([np.frombuffer(key, np.uint8) for key in self._new])
        content = save({_IMAGES: images, _FEATURES: np.stack(list(self._new.values()))})
        path = self._folder / f"{sha256_of(content)}.safetensors"
        try:
            with writing(path) as partial:
                partial.write_bytes(content)
        except DataError as error:
            logger.warning("features are not kept: %s", error)
            self._writable = False
            return
        self._new = {}
        self._add(path)

    def _add(self, path: Path) -> None:
        digest = sha256_of(path)
        if not digest:
            logger.warning("%s: cannot be read; its images are embedded again", path)
            return
        try:
            if digest != path.stem:
                raise DataError("checksum mismatch")
            file = _File(path)
        except (DataError, SafetensorError, OSError) as error:
            logger.warning("%s: broken (%s); its images are embedded again", path, error)
            try:
                path.unlink(missing_ok=True)
            except OSError:
                logger.warning("%s: cannot be removed; remove it by hand", path)
            return
        self._known |= {key: (file, row) for row, key in enumerate(file.images)}

    def _row(self, key: bytes) -> NDArray[np.float32]:
        if key in self._new:
            return self._new[key]
        file, row = self._known[key]
        return file.row(row)


class _File:
    """A file whose digests are read now, and its features when they are asked for."""

    def __init__(self, path: Path) -> None:
        opened = safe_open(path, framework="numpy")
        self.images = [row.tobytes() for row in opened.get_tensor(_IMAGES)]
        self._features = opened.get_slice(_FEATURES)

    def row(self, number: int) -> NDArray[np.float32]:
        """Return (d,) float32."""
        return np.asarray(self._features[number : number + 1][0], np.float32)


def pixels_digest(image: NDArray[np.uint8]) -> bytes:
    """Return the SHA-256 of a (h, w, 3) uint8 image: of its size and pixels, whatever its file."""
    size = f"{image.shape[0]}x{image.shape[1]} ".encode()
    return hashlib.sha256(size + np.ascontiguousarray(image).tobytes()).digest()
