"""Which architecture of transformers a folder holds."""

from __future__ import annotations

from pathlib import Path

from unigs.errors import ModelError
from unigs.models.source import read_config


def require_model_type(folder: Path, wanted: str) -> None:
    """Refuse a model of another architecture, which transformers would load as random weights.

    Raises:
        ModelError: no config.json, or one of another `model_type`.
    """
    found = read_config(folder).get("model_type")
    if found != wanted:
        raise ModelError(f"{folder}: model type {found!r}, not {wanted!r}; check the path")
