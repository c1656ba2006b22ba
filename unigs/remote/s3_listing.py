"""Listings of many objects in S3, by the client of s3fs.

The client's own parser takes 70 µs for an object, most of a look at a watched bucket. Here the
objects are taken out of an answer before it is parsed: account, region, retries and errors stay the
client's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

# Sent by the client between an answer and its parser. Handlers of a pattern come before those of
# ``s3.*``, one of which looks through the whole answer for an error; in another order, or without
# the event, a listing is the same, and slower.
_EVENT = "before-parse.*.ListObjectsV2"
_OBJECT = re.compile(r"<Contents>.*?</Contents>", re.DOTALL)
_FIELD = re.compile(r"<(Contents|Key|LastModified|ETag|Size)>([^<]*)")
# A character of XML that is written by number or name; the last choice is an ampersand alone.
_REFERENCE = re.compile(r"&(?:#x([0-9A-Fa-f]{1,6});|#([0-9]{1,7});|(amp|lt|gt|quot|apos);|)")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def list_s3(files: Any, base: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path and ``size`` (bytes), ``LastModified``, ``ETag`` of each object below a folder.

    Args:
        files: an `s3fs.S3FileSystem`.
        base: bucket and folder, ``bucket/folder``.

    Raises:
        FileNotFoundError: no such bucket.
        Exception: whatever s3fs raises for a page: a listing is never a part of one.
    """
    bucket, folder, _ = files.split_path(base)
    events = files.s3.meta.events
    events.register(_EVENT, take_objects, unique_id=__name__)
    try:
        given = {"Bucket": bucket, "Prefix": folder and f"{folder}/"}
        while True:
            page = files.call_s3("list_objects_v2", **given)
            for said in page.get("Contents", ()):
                told = {name: said.get(name) for name in ("LastModified", "ETag")}
                yield f"{bucket}/{said['Key']}", {"size": said["Size"], **told}
            if not page.get("IsTruncated"):
                return
            given["ContinuationToken"] = page["NextContinuationToken"]
    finally:
        events.unregister(_EVENT, unique_id=__name__)


def take_objects(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **given: Any
) -> None:
    """Move the objects of an answer from its text into what the client adds to the parsed answer.
    What is no listing, or one that is written in an unusual way, is left to the client's parser."""
    text = response_dict["body"].decode()
    others, count = _OBJECT.subn("", text)
    found: list[dict[str, Any]] = []
    try:
        for name, value in _FIELD.findall(text):
            if name == "Contents":
                found.append({})
            elif found:
                found[-1][name] = _read(value)
        if not found or count != len(found) or not all(said.get("Key") for said in found):
            return
        for said in found:  # as the client's parser has them: other threads list by it too
            said["Size"] = int(said["Size"])
            said["LastModified"] = datetime.fromisoformat(said["LastModified"])
    except (KeyError, ValueError):  # elements in place of text, attributes: of no known server
        return
    response_dict["body"] = others.encode()
    customized_response_dict["Contents"] = found


def _read(written: str) -> str:
    """Return a text of XML with its character references decoded.

    A server that does not write keys as parts of addresses, as the client asks it to, may write
    their control characters by number. XML forbids most of them, and the client's parser refuses
    the answer.

    Raises:
        ValueError: a reference that XML does not know, or the end of a line, which parsers change.
    """
    if "\r" in written:
        raise ValueError(written)
    return _REFERENCE.sub(_character, written) if "&" in written else written


def _character(reference: re.Match[str]) -> str:
    base16, base10, name = reference.groups()
    if name:
        return _NAMED[name]
    code = int(base16, 16) if base16 else int(base10 or "none")
    if 0xD800 <= code < 0xE000:  # one half of a pair
        raise ValueError(reference[0])
    return chr(code)
