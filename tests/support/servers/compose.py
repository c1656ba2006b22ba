"""What deploy/compose.yaml says of its services, for machines without containers."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
FILE = ROOT / "deploy" / "compose.yaml"
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


@cache
def services() -> dict[str, dict[str, Any]]:
    """The services by name, as they are written, with what they take from others."""
    return yaml.safe_load(FILE.read_text())["services"]


def variables(value: Any) -> set[str]:
    """Names that a value takes from .env."""
    if isinstance(value, Mapping):
        return set().union(*map(variables, value.values()))
    if isinstance(value, list):
        return set().union(*map(variables, value))
    return {found["name"] for found in _VARIABLE.finditer(str(value))}


def environment(
    service: str, given: Mapping[str, str], elsewhere: Mapping[str, str]
) -> dict[str, str]:
    """The variables of a service with the values of .env.

    Args:
        given: values of .env.
        elsewhere: address or folder in the containers -> what stands for it here.
    """

    def filled(found: re.Match[str]) -> str:
        value = given.get(found["name"], "")
        if not value and found["kind"] == "?":
            raise ValueError(f"{found['name']}: {found['rest']}")
        return value or (found["rest"] if found["kind"] == "-" else "")

    entries = {}
    for name, value in services()[service]["environment"].items():
        text = _VARIABLE.sub(filled, str(value))
        for there, here in elsewhere.items():
            text = text.replace(there, here)
        entries[name] = text
    return entries
