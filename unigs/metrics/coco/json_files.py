"""JSON files in COCO's formats, read with every failure reported in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unigs.errors import DataError
from unigs.io.annotations.text_encoding import encoding_of


def read_ground_truth(path: Path) -> dict[str, Any]:
    """Return a COCO instances JSON; raise DataError when it holds no object."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError("not a COCO instances object", file=path, hint="give the ground truth")
    return content


def read_results(path: Path) -> list[Any]:
    """Return a COCO results JSON: a list, empty when nothing was found.

    Raises DataError for anything else.
    """
    content = read_json(path)
    if not isinstance(content, list):
        raise DataError("not a list", file=path, hint="give a COCO results JSON")
    return content


def read_json(path: Path) -> Any:
    """Return what a JSON file holds, in UTF-8, 16 or 32, with or without byte order mark.

    Raises:
        DataError: missing, empty, no JSON, or nested too deeply.
    """
    try:
        data = Path(path).read_bytes()
        if not data.strip():
            raise DataError("file is empty", file=path, hint="write it again")
        return json.loads(data.decode(encoding_of(data)))
    except RecursionError as error:
        raise DataError("does not read: nested too deeply", file=path) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"does not read: {reason}", file=path, hint="check the path") from error
