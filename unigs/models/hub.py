"""The Hugging Face Hub: files of a repository, and what a call of it may raise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unigs.errors import ModelError


def download_snapshot(
    name: str, revision: str | None, allowed: Sequence[str], ignored: Sequence[str] = ()
) -> Path:
    """Bring the files of a repository into the Hub's cache; what is there is not fetched again.

    Args:
        name: ``owner/name``.
        revision: a branch, tag or commit; None for the newest.
        allowed: patterns of the files that are taken.
        ignored: patterns of those among them that are not.

    Returns:
        The folder of the snapshot.

    Raises:
        ModelError: no such repository, or it cannot be reached.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                name,
                revision=revision,
                allow_patterns=list(allowed),
                ignore_patterns=list(ignored) or None,
            )
        )
    except hub_failures() as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"{name}: no such directory, and not reachable as a Hub id ({reason}); "
            "give the path of a downloaded diffusers directory"
        ) from error


def hub_failures() -> tuple[type[Exception], ...]:
    """Return the errors that a call of the Hub may raise: its own, the system's, and those of its
    HTTP client, which it hands on as they are when a connection breaks."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    above = (base for base in HfHubHTTPError.__mro__ if issubclass(base, Exception))
    known = (base for base in above if base is not Exception)
    return (*known, HFValidationError, LocalEntryNotFoundError)
