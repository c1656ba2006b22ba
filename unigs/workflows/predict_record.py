"""What a prediction records of its files, by which the next one knows that it may replace them.

The panoptic JSON of a prediction holds the SHA-256 of its pictures in COCO's ``info``. A file of
the same name that is not among them belongs to somebody else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from unigs.io.files import sha256_of

DESCRIPTION = "UniGS prediction"


def recorded(panoptic: Path) -> dict[str, list[str]]:
    """Return file name -> SHA-256 that it may have, of an earlier prediction's JSON; empty where
    the file is none."""
    try:
        info = json.loads(panoptic.read_text(encoding="utf-8"))["info"]
        if info["description"] != DESCRIPTION:
            return {}
        return {str(name): [str(one) for one in digests] for name, digests in info["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def foreign(panoptic: Path, others: Iterable[Path]) -> list[Path]:
    """Return which outputs of a prediction, to be written in one folder, exist already and were
    not written by an earlier one."""
    known = recorded(panoptic)
    found = [panoptic] if os.path.lexists(panoptic) and not known else []
    return found + [
        path
        for path in others
        if os.path.lexists(path) and sha256_of(path) not in known.get(path.name, [])
    ]


def record_of(panoptic: Path, contents: Mapping[Path, bytes]) -> dict[str, Any]:
    """Return the record of a prediction that is about to write `contents` over an earlier one.

    It holds for the files of both, so that it is right after a kill between two of them.
    """
    known = recorded(panoptic)
    files = {}
    for path, content in contents.items():
        before = sha256_of(path)
        earlier = [before] if before in known.get(path.name, []) else []
        files[path.name] = sorted({sha256_of(content), *earlier})
    return {"description": DESCRIPTION, "files": files}
