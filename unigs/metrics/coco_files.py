"""COCO instances and COCO results files, checked for what COCOeval relies on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unigs.errors import DataError

_TRUTH_PARTS = {
    "images": ("id", "height", "width"),
    "annotations": ("image_id", "category_id", "segmentation"),
    "categories": ("id",),
}
_RESULT_FIELDS = ("image_id", "category_id", "segmentation", "score")


def read_ground_truth(path: Path) -> dict[str, Any]:
    """A COCO instances JSON; DataError names the part or record that is missing something."""
    content = _read(path)
    if not isinstance(content, dict):
        raise DataError("not a COCO instances object", file=path, hint="give the ground truth")
    for part, fields in _TRUTH_PARTS.items():
        records = content.get(part)
        if not isinstance(records, list):
            raise DataError(f"no list of {part}", file=path, hint="give a COCO instances JSON")
        _check(path, part, records, fields)
    return content


def read_results(path: Path) -> list[dict[str, Any]]:
    """A COCO results JSON: a list, empty when nothing was found."""
    content = _read(path)
    if not isinstance(content, list):
        raise DataError("not a list", file=path, hint="give a COCO results JSON")
    _check(path, "results", content, _RESULT_FIELDS)
    return content


def _read(path: Path) -> Any:
    try:
        return json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"does not read: {error}", file=path, hint="check the path") from error


def _check(path: Path, part: str, records: list[Any], fields: tuple[str, ...]) -> None:
    for number, record in enumerate(records):
        missing = [f for f in fields if not isinstance(record, dict) or f not in record]
        if missing:
            raise DataError(f"without {', '.join(missing)}", file=path, record=f"{part}[{number}]")
