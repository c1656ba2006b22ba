"""One image with one square, and a prediction for it, in COCO's formats."""

import copy

import numpy as np
from pycocotools import mask as coco_mask

POLYGON = [[10, 10, 30, 10, 30, 30, 10, 30]]
SQUARE = np.zeros((48, 64), np.uint8)
SQUARE[10:30, 10:30] = 1
CODE = {
    "size": [48, 64],
    "counts": coco_mask.encode(np.asfortranarray(SQUARE))["counts"].decode(),
}
EMPTY = {"size": [48, 64], "counts": [48 * 64]}


def truth(**changes):
    """A ground truth; a change `images__width=3` sets that field of the first record."""
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "segmentation": POLYGON,
                "iscrowd": 0,
                "area": 400,
                "bbox": [10, 10, 20, 20],
            }
        ],
        "categories": [{"id": 1, "name": "cat"}],
    }
    for name, value in changes.items():
        part, _, field = name.partition("__")
        if field:
            content[part][0][field] = value
        else:
            content[part] = value
    return copy.deepcopy(content)


def results(**changes):
    """One result, with fields changed."""
    return [{"image_id": 1, "category_id": 1, "segmentation": CODE, "score": 0.9} | changes]
