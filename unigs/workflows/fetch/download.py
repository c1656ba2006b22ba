"""One file over HTTP: what has arrived stays, and the next try goes on behind it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import requests

from unigs.errors import DataError, TransientError
from unigs.io.files import sha256_of

# Called with the bytes that have arrived and those that there are, None where nobody says.
Progress = Callable[[int, int | None], None]

# A connection that breaks loses at most so many bytes.
BLOCK = 1 << 16
#: Tries in a row that bring nothing new.
TRIES = 6
#: Seconds until a server that says nothing counts as away.
SILENCE = 60


def download(
    url: str,
    target: Path,
    sha256: str,
    *,
    progress: Progress | None = None,
    tries: int = TRIES,
    pause: float = 1.0,
) -> None:
    """Fetch a file; a connection that breaks is opened again behind the last byte.

    `target` appears when all is there and its digest is right. Until then `NAME.part` holds what
    has arrived, and `NAME.part.tag` which version of the file it is of: a file that has changed at
    the source begins anew.

    Args:
        sha256: the digest (hex), or the beginning of it.
        progress: told how far it is.
        tries: in a row without a new byte, until it is given up.
        pause: seconds before the second of them; then twice as many each.

    Raises:
        DataError: the server refuses the file, its digest is another, or the disk is full.
        TransientError: the server cannot be reached; what has arrived stays.
    """
    part, tag = target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.tag")
    failed = 0
    while True:
        before = _size(part)
        try:
            if _went_on(url, part, tag, progress):
                break
            reason = "the connection ended early"
        except requests.RequestException as error:
            reason = _reason(error)
        except OSError as error:
            raise DataError(f"cannot be written: {error.strerror}", file=part,
                            hint="free space; what has arrived is kept") from error  # fmt: skip
        failed = 0 if _size(part) > before else failed + 1
        if failed >= tries:
            raise TransientError(
                f"not reachable: {reason}", file=url,
                hint=f"run it again: {_size(part):,} bytes have arrived and are kept",
            )  # fmt: skip
        time.sleep(pause * 2 ** max(failed - 1, 0) if failed else 0)
    found = sha256_of(part)
    if not found.startswith(sha256):
        part.unlink()
        tag.unlink(missing_ok=True)
        raise DataError(
            f"checksum mismatch: SHA-256 {found}, not {sha256}", file=url,
            hint="the file has changed or was damaged on its way; run it again",
        )  # fmt: skip
    tag.unlink(missing_ok=True)
    part.replace(target)


def _went_on(url: str, part: Path, tag: Path, progress: Progress | None) -> bool:
    """Append what is missing; whether the file is whole."""
    have = _size(part)
    headers = {"Accept-Encoding": "identity"}
    known = tag.read_text() if tag.is_file() else ""
    # without a tag nobody could tell whether the rest is of the same file
    if have and known:
        headers |= {"Range": f"bytes={have}-", "If-Range": known}
    with requests.get(url, headers=headers, stream=True, timeout=SILENCE) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            whole = answer.headers.get("Content-Range", "").rpartition("/")[2]
            if whole == str(have):
                return True
            part.unlink()
            return False
        if 400 <= answer.status_code < 500 and answer.status_code != 429:
            raise DataError(f"the server answers {answer.status_code} {answer.reason}", file=url)
        answer.raise_for_status()
        goes_on = answer.status_code == requests.codes.partial_content
        start = have if goes_on else 0
        length = answer.headers.get("Content-Length")
        whole_size = start + int(length) if length else None
        free = shutil.disk_usage(part.parent).free
        if whole_size is not None and whole_size - start > free:
            raise DataError(f"{whole_size - start:,} bytes are to come, {free:,} are free",
                            file=part.parent, hint="free space or give another folder")  # fmt: skip
        tag.write_text(answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "")
        with part.open("ab" if goes_on else "wb") as file:
            for block in answer.iter_content(BLOCK):
                file.write(block)
                start += len(block)
                if progress is not None:
                    progress(start, whole_size)
    return whole_size is None or start == whole_size


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"the server answers {error.response.status_code}"
    return "it does not answer" if isinstance(error, requests.Timeout) else "no connection to it"
