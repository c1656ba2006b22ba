"""EntitySeg: annotations in the layout of COCO instances, in full or low resolution.

Layout, below the root or its folder `entityseg`:
`annotations/entity_segmentation/entityv2_010203_entity_{train,val}[_lr].json`, and the images in
`images[_lr]/`, in `entity_01_11580`, `entity_02_11598`, `entity_03_10049` or folders below them.
The low-resolution variants are the splits `train_lr` and `val_lr`. Category id 0 is a class.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path, PurePosixPath

from unigs.datasets.coco.dataset import CocoDataset
from unigs.datasets.coco.instances import CocoInstances
from unigs.errors import DataError
from unigs.io.annotations.file_names import spellings
from unigs.io.image_file import image_files


class EntitySeg(CocoInstances):
    """One split of EntitySeg."""

    def __init__(self, name: str, root: Path, split: str) -> None:
        file = self.annotations_at(root, split)
        images = file.parents[2] / ("images_lr" if split.endswith("_lr") else "images")
        CocoDataset.__init__(self, name, root, split, file, (images,))

    @staticmethod
    def annotations_at(root: Path, split: str) -> Path:
        home = root / "entityseg" if (root / "entityseg").is_dir() else root
        folder = home / "annotations" / "entity_segmentation"
        return folder / f"entityv2_010203_entity_{split}.json"

    def locate(self, name: str) -> Path:
        file = super().locate(name)
        if file.exists():
            return file
        # the archives unpack into folders that the file names do not tell
        endings = [PurePosixPath(form).parts for form in spellings(name)]
        found = [
            there
            for ending in endings
            for there in self._by_name.get(ending[-1], ())
            if there.parts[-len(ending) :] == ending
        ]
        if len(found) > 1:
            places = " and ".join(self.relative(place.parent) for place in found[:2])
            raise DataError(f"file name {name!r} is ambiguous: it is in {places}")
        return found[0] if found else file

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for file in image_files(self.folders[0]):
            found.setdefault(file.name, []).append(file)
        return found
