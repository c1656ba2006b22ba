"""Which file of a folder a name in an annotation means, however its exporter wrote it."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from unigs.errors import DataError

_SIMPLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
# what the file systems of today take
MAX_NAME, MAX_PART = 1000, 255


def located(folder: Path, name: str) -> Path:
    """Return the file in `folder` that a name means: the first of its `spellings` that is there.

    Returns:
        The file, or where it would be if there is none.

    Raises:
        DataError: the name, in any spelling it would take, is absolute, climbs out of the folder
            or is no file name at all.
    """
    forms = spellings(name)
    if len(forms) == 1:
        return inside(folder, name)
    for form in forms:
        file = inside(folder, form)
        # unlike Path.is_file this raises nothing for an odd name
        if os.path.isfile(file):
            return file
    return inside(folder, name.replace("\\", "/"))


def spellings(name: str) -> list[str]:
    """Return what a name may stand for, the likeliest first.

    As it is; with `/` for the backslash of Windows; with percent codes decoded; each of these with
    accents composed and decomposed (Unicode NFC and NFD).
    """
    if name.isascii() and "\\" not in name and "%" not in name:
        return [name]
    plain = [name, name.replace("\\", "/")]
    decoded = [unquote(form, errors="surrogateescape") for form in plain]
    forms = [*plain, *decoded, *(form.replace("\\", "/") for form in decoded)]
    forms += [unicodedata.normalize(way, form) for form in forms for way in ("NFC", "NFD")]
    return list(dict.fromkeys(forms))


def inside(folder: Path, name: str) -> Path:
    """Return the file of that relative name in `folder`.

    Raises:
        DataError: the name is absolute, climbs out of the folder or is no file name at all.
    """
    # Nearly all names are: a path is the dearest thing to make for each of a million images.
    if _SIMPLE.fullmatch(name):
        return folder / name
    parts = PurePosixPath(name).parts
    if len(name) > MAX_NAME or any(len(_bytes(part)) > MAX_PART for part in parts):
        raise DataError(f"file name of {len(name)} characters is too long")
    absolute = name.startswith(("/", "\\")) or _DRIVE.match(name)
    if not parts or absolute or ".." in parts or "\0" in name:
        raise DataError(f"file name {name!r} is not a plain relative path")
    return folder.joinpath(*parts)


def _bytes(part: str) -> bytes:
    return part.encode("utf-8", "surrogatepass")
