"""What every part of a preset is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A record that refuses fields it does not know, and changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
