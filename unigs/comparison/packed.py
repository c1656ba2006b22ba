"""An evaluation's predictions in one small file, to be compared after the folder was replaced."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

from PIL import Image

from unigs.comparison.evaluation import TRUTH
from unigs.comparison.pictures import LARGEST_SIDE
from unigs.errors import DataError
from unigs.io.files import writing

PACKED = "predictions.zip"
#: Images whose predictions are kept of a task: more than a page shows.
MOST_IMAGES = 200
_EXACT = ("panoptic", "truth_panoptic", "colormaps")


def pack(evaluation: Path, file: Path, count: int = MOST_IMAGES) -> None:
    """Write masks and colormaps of the first ``count`` images as they are, generated images as
    small as a page shows them.

    Args:
        evaluation: folder that `unigs.evaluation.evaluate.evaluate` wrote.
        file: zip to write.

    Raises:
        DataError: it holds no evaluation.
    """
    try:
        truth = json.loads((evaluation / TRUTH).read_text("utf-8"))
        kept = sorted(truth["images"], key=lambda image: image["key"])[:count]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"no evaluation: {error}", file=evaluation / TRUTH) from error
    with writing(file) as partial, zipfile.ZipFile(partial, "w") as packed:
        packed.writestr(TRUTH, json.dumps({"images": kept}))
        for image in kept:
            name = image["file_name"]
            for kind in _EXACT:
                if (place := evaluation / kind / name).is_file():
                    packed.write(place, f"{kind}/{name}")
            if (place := evaluation / "images" / name).is_file():
                packed.writestr(f"images/{name}", _small(place))


def unpack(file: Path, folder: Path) -> None:
    """Extract what `pack` wrote beside the scores in ``folder``.

    Raises:
        DataError: a damaged file.
    """
    try:
        with zipfile.ZipFile(file) as packed:
            packed.extractall(folder)
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"no predictions: {error}", file=file, hint="evaluate again") from error


def _small(place: Path) -> bytes:
    with Image.open(place) as image:
        image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        stream = io.BytesIO()
        image.save(stream, "PNG")
    return stream.getvalue()
