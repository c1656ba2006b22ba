"""One finding of `unigs doctor`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class State(StrEnum):
    """How it is: good, bearable, or something will fail."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what it means or what to do about it."""

    what: str
    state: State
    hint: str

    def record(self) -> dict[str, str]:
        """Return it as JSON."""
        return {name: str(value) for name, value in asdict(self).items()}
