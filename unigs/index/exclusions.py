"""Images that a scenes index must leave out, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Exclusions:
    """What to leave out.

    Attributes:
        digests: SHA-256 (hex) of the bytes of an image -> reason.
        keys: key of a scene -> reason; the image is not opened.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
