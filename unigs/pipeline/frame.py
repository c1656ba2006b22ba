"""Resize or pad pictures of any size for the model, and the results back.

`native` runs at the picture's own size; sides the autoencoder does not divide are padded below
and right with the edge pixels, and the padding is cut from the results. `stretch` resizes to the
square the model was trained at, whatever the aspect ratio (locations are relative, so the
palette's cells stretch with it), and resizes the results back: images smoothly, colormaps and
segments by nearest pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from unigs.errors import ConfigError

Fit = Literal["native", "stretch"]


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of the pictures (`height`, `width`) and the size the model runs at."""

    height: int
    width: int
    inner_height: int
    inner_width: int
    fit: Fit

    @classmethod
    def choose(
        cls, height: int, width: int, factor: int, size: int | None, fit: Fit | None
    ) -> Frame:
        """Return the frame of a picture.

        Args:
            factor: the sides at which the model runs are multiples of it.
            size: side of the square the model was trained at, if known.
            fit: None means `stretch` where `size` is known, else `native`.

        Raises:
            ConfigError: unknown `fit`, or `stretch` without a size.
        """
        mode = fit or ("native" if size is None else "stretch")
        if mode == "native":
            inner = (-(-height // factor) * factor, -(-width // factor) * factor)
            return cls(height, width, *inner, mode)
        if mode != "stretch":
            raise ConfigError(f"fit {fit!r}", hint="give native or stretch")
        if size is None:
            raise ConfigError(
                "fit 'stretch': the model does not say which size it was trained at",
                hint="give fit='native' or set the pipeline's size",
            )
        return cls(height, width, size, size, mode)

    @property
    def changes(self) -> bool:
        """The model runs at another size than the picture's."""
        return (self.height, self.width) != (self.inner_height, self.inner_width)

    def enter_images(self, images: np.ndarray) -> np.ndarray:
        """Return (n, h, w, 3) uint8 photographs at the inner size."""
        return self._enter(images, Image.Resampling.BICUBIC)

    def enter_colormaps(self, colormaps: np.ndarray) -> np.ndarray:
        """Return (n, h, w, 3) uint8 colormaps at the inner size, without mixed colours."""
        return self._enter(colormaps, Image.Resampling.NEAREST)

    def enter_masks(self, masks: np.ndarray) -> np.ndarray:
        """Return (n, h, w) bool at the inner size; an inner pixel is set when any of its pixels
        is."""
        if self.fit == "native":
            rest = ((0, self.inner_height - self.height), (0, self.inner_width - self.width))
            return np.pad(masks, ((0, 0), *rest), mode="edge")
        # in 8 bits the share of a few pixels of a large picture would round to nothing
        return self._enter(masks.astype(np.float32), Image.Resampling.BOX) > 0

    def leave_images(self, images: np.ndarray) -> np.ndarray:
        """(n, H, W, 3) uint8 at the inner size -> (n, h, w, 3)."""
        return self._leave(images, Image.Resampling.BICUBIC)

    def leave_colormaps(self, colormaps: np.ndarray) -> np.ndarray:
        """(n, H, W, 3) uint8 at the inner size -> (n, h, w, 3)."""
        return self._leave(colormaps, Image.Resampling.NEAREST)

    def leave_segments(self, segments: np.ndarray) -> np.ndarray:
        """(n, H, W) int32 at the inner size -> (n, h, w)."""
        return self._leave(segments, Image.Resampling.NEAREST)

    def _enter(self, pictures: np.ndarray, how: Image.Resampling) -> np.ndarray:
        if not self.changes:
            return pictures
        if self.fit == "stretch":
            return _resize(pictures, self.inner_height, self.inner_width, how)
        rest = ((0, self.inner_height - self.height), (0, self.inner_width - self.width))
        return np.pad(pictures, ((0, 0), *rest, (0, 0)), mode="edge")

    def _leave(self, pictures: np.ndarray, how: Image.Resampling) -> np.ndarray:
        if not self.changes:
            return pictures
        if self.fit == "stretch":
            return _resize(pictures, self.height, self.width, how)
        return np.ascontiguousarray(pictures[:, : self.height, : self.width])


def _resize(pictures: np.ndarray, height: int, width: int, how: Image.Resampling) -> np.ndarray:
    resized = [np.asarray(Image.fromarray(one).resize((width, height), how)) for one in pictures]
    return np.stack(resized)
