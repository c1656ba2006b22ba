"""Which image of a file of predictions belongs to which sample: told by the names of files.

A name means the sample, or the scene, whose key `unigs.datasets.scene_keys` makes of it; folders
before it and its extension are no part of the comparison where they do not match as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unigs.competitors.notes import told
from unigs.competitors.request import Request
from unigs.competitors.samples_ahead import keys_ahead
from unigs.datasets.scene_keys import distinct_key, scene_key
from unigs.errors import DataError
from unigs.samples.sample import Sample
from unigs.samples.transforms import resize_and_crop
from unigs.shards.manifest import read_manifest

Id = str


@dataclass(frozen=True, slots=True)
class ImageNames:
    """The images of a file of predictions by what samples are called.

    Attributes:
        by_key: image of each key that its name may stand for.
        other, missing: how many images belong to no sample, how many samples have no image.
        cropped: predictions of another size than the sample are resized and cropped as its image
            was; False where that was drawn at random.
    """

    by_key: Mapping[str, Id]
    other: float
    missing: float
    cropped: bool

    @property
    def counts(self) -> dict[str, float]:
        """Both numbers, as metrics."""
        return {"n_other_images": self.other, "n_missing_images": self.missing}

    def of(self, sample: Sample) -> Id | None:
        """Return the image of a sample; None if it has none."""
        return self.by_key.get(sample.key) or self.by_key.get(sample.scene)

    def fitted(
        self, segments: NDArray[np.int32], sample: Sample, file: Path, image: Id
    ) -> NDArray[np.int32]:
        """Return (h, w) labels of a prediction at the size of its sample.

        Raises:
            DataError: it is of another size, and nothing tells how the sample was cut.
        """
        size = sample.segments.shape
        if segments.shape == size:
            return segments
        if not self.cropped:
            raise DataError(
                f"prediction of {segments.shape[0]}x{segments.shape[1]} pixels for a sample of"
                f" {size[0]}x{size[1]} that was cropped at random",
                file=file, record=f"image {image}", hint="predict the images of the samples",
            )  # fmt: skip
        blank = np.zeros((*segments.shape, 3), np.uint8)
        return resize_and_crop(blank, segments, size[0])[1]


def match_images(names: Mapping[Id, Iterable[str]], request: Request) -> ImageNames:
    """Match images with the samples of a request; name and count what matches nothing.

    Args:
        names: of each image the file names that it may have.

    Raises:
        DataError: two images are of one name.
    """
    by_key: dict[str, Id] = {}
    for image, files in names.items():
        for name in files:
            for key in _keys(name):
                if by_key.setdefault(key, image) != image:
                    raise DataError(
                        f"images {by_key[key]} and {image} are both called {name}",
                        file=request.images or request.predictions, hint="list an image once",
                    )  # fmt: skip
    every = keys_ahead(request.shards, None)
    found = {by_key[name] for pair in every for name in pair if name in by_key}
    asked = every if request.limit is None else every[: request.limit]
    others = [next(iter(files), image) for image, files in names.items() if image not in found]
    missing = [key for key, scene in asked if key not in by_key and scene not in by_key]
    options = read_manifest(request.shards).configuration.get("options", {})
    drawn = (
        bool(options.get("random_crop"))
        or bool(options.get("flip_probability"))
        or list(options.get("crop_scale") or (1, 1)) != [1, 1]
    )
    return ImageNames(
        by_key,
        told(others, "images are of no sample"),
        told(missing, "samples have no prediction"),
        not drawn,
    )


def _keys(name: str) -> set[str]:
    last = name.replace("\\", "/").rpartition("/")[2]
    return {key(form) for form in (name, last) for key in (scene_key, distinct_key)}
