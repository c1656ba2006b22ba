"""Keys of scenes: short, plain, and never the same for two images.

A key names files in a tar, so it holds letters, digits, `_` and `-` alone and leaves room for an
extension in the 100 bytes of USTAR. The original name is noted beside a key that does not tell it.
"""

from __future__ import annotations

import hashlib
import re

# with ".colormap.png", the longest ending of a file in a shard, these are 100 bytes
MAX_KEY = 87
_HEAD = 48


def plain_key(name: str) -> str:
    """Return the relative path of an image without extension, other characters turned into `-`."""
    stem = re.sub(r"\.[^./]*$", "", name)
    return re.sub(r"[^A-Za-z0-9_-]", "-", stem)


def scene_key(name: str) -> str:
    """Return the key of an image whose plain key no other image shares; `distinct_key` is for the
    rest."""
    key = plain_key(name)
    return key if key and name.isascii() and len(key) <= MAX_KEY else distinct_key(name)


def distinct_key(name: str) -> str:
    """Return a key that depends on every character of a name: its beginning and 12 digits of a
    hash."""
    head = re.sub(r"-+", "-", plain_key(name)).strip("-")[:_HEAD]
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{head or 'image'}-{digest}"


def variant_key(key: str, variant: int) -> str:
    """Return the key of one of several samples of a scene."""
    wanted = f"{key}-v{variant}"
    return wanted if len(wanted) <= MAX_KEY else f"{distinct_key(key)}-v{variant}"


def name_beside(key: str, name: str) -> str | None:
    """Return the name of an image where its key does not tell it; None where it does."""
    return None if key == plain_key(name) else name
