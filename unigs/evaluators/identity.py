"""Identity of an evaluator: its label, the digest of its weights and its held-out accuracy."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unigs.errors import ModelError
from unigs.models.source import require_safetensors

IDENTITY_FILE = "evaluator.json"


def file_digest(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights_folder_digest(folder: Path) -> str:
    """Return the SHA-256 (hex) of a folder's weights: of the file, or over those of several."""
    digests = "".join(file_digest(path) for path in require_safetensors(folder))
    return digests if len(digests) == 64 else hashlib.sha256(digests.encode()).hexdigest()


def evaluator_name(folder: Path, label: str | None = None, digest: str | None = None) -> str:
    """``<label>.<sha8>``, e.g. ``shapes-clip.1a2b3c4d``.

    The label comes from the folder's ``evaluator.json``, else ``label``, else the folder's own
    name in lower case with other characters than letters, digits and ``-`` made into ``-``.

    Args:
        digest: the folder's `weights_folder_digest`, where it is known.
    """
    known = digest or weights_folder_digest(folder)
    chosen = read_identity(folder).get("label") or label or folder.resolve().name
    return f"{re.sub('[^a-z0-9]+', '-', chosen.lower()).strip('-')}.{known[:8]}"


def cache_key(folder: Path, digest: str, **preprocessing: Any) -> str:
    """Return the SHA-256 (hex) of all that features depend on: the weights, the network's
    configuration and the preprocessing of images."""
    parts = [digest, file_digest(folder / "config.json"), json.dumps(preprocessing)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read_identity(folder: Path) -> dict[str, Any]:
    """Return the folder's ``evaluator.json``; empty for a model that was not trained here."""
    path = folder / IDENTITY_FILE
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise ModelError(f"{path}: not JSON ({error}); train the evaluator again") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: not an object; train the evaluator again")
    return content


def write_identity(folder: Path, content: Mapping[str, Any]) -> None:
    """Write ``evaluator.json``."""
    (folder / IDENTITY_FILE).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
