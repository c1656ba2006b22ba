"""EntitySeg: annotations in the layout of COCO instances, in full or low resolution.

Layout, below the root or its folder `entityseg`:
`annotations/entity_segmentation/entityv2_010203_entity_{train,val}[_lr].json`, and the images in
`images[_lr]/`, in `entity_01_11580`, `entity_02_11598`, `entity_03_10049` or folders below them.
The low-resolution variants are the splits `train_lr` and `val_lr`. Category id 0 is a class.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from unigs.datasets.coco_dataset import CocoDataset
from unigs.datasets.coco_instances import CocoInstances
from unigs.io.image_file import image_files


class EntitySeg(CocoInstances):
    """One split of EntitySeg."""

    def __init__(self, name: str, root: Path, split: str) -> None:
        home = root / "entityseg" if (root / "entityseg").is_dir() else root
        file = home / "annotations" / "entity_segmentation" / f"entityv2_010203_entity_{split}.json"
        images = home / ("images_lr" if split.endswith("_lr") else "images")
        CocoDataset.__init__(self, name, root, split, file, (images,))

    def locate(self, name: str) -> Path:
        file = super().locate(name)
        # the archives unpack into folders that the file names do not tell
        return file if file.exists() else self._by_name.get(file.name, file)

    @cached_property
    def _by_name(self) -> dict[str, Path]:
        return {file.name: file for file in image_files(self.folders[0])}
