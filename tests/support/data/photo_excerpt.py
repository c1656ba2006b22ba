"""The first photographs of a set in COCO's panoptic layout, for tests of seconds."""

import json
import shutil
from pathlib import Path


def cut_panoptic(source: Path, out: Path, train: int, val: int) -> Path:
    """Copy so many images of each split with their maps and annotations; return `out`."""
    for split, count in (("train", train), ("val", val)):
        name = f"panoptic_{split}2017"
        content = json.loads((source / "annotations" / f"{name}.json").read_text())
        content["images"] = content["images"][:count]
        kept = {image["id"] for image in content["images"]}
        content["annotations"] = [a for a in content["annotations"] if a["image_id"] in kept]
        maps, photos = out / "annotations" / name, out / f"{split}2017"
        maps.mkdir(parents=True)
        photos.mkdir(parents=True)
        for image in content["images"]:
            shutil.copy(source / photos.name / image["file_name"], photos)
        for annotation in content["annotations"]:
            shutil.copy(source / "annotations" / name / annotation["file_name"], maps)
        (out / "annotations" / f"{name}.json").write_text(json.dumps(content))
    return out
