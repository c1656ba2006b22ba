"""What each setting of a preset does, in the words of its section's docstring."""

from __future__ import annotations

import inspect
import re

from pydantic import BaseModel

from unigs.config.overrides import setting_names

# One or several names of a section, and what is said of them; lines that go on lie further in.
_ENTRY = re.compile(r"^    (?P<names>\w+(?:, \w+)*): (?P<said>.+)$")
_MORE = re.compile(r"^        (?P<said>\S.*)$")


def setting_descriptions(schema: type[BaseModel]) -> dict[str, str]:
    """Return what is said of every setting by its dotted name, in the order of the schema; an empty
    text where its section says nothing of it."""
    found: dict[str, str] = {}
    for name in setting_names(schema):
        section, _, last = name.rpartition(".")
        field = schema.model_fields.get(section)
        held = schema if field is None else field.annotation
        found[name] = _said(held.__doc__ or "").get(last, "")
    return found


def _said(docstring: str) -> dict[str, str]:
    """Return the entries below ``Attributes:`` by name."""
    _, _, listed = inspect.cleandoc(docstring).partition("Attributes:\n")
    said: dict[str, str] = {}
    names: list[str] = []
    for line in listed.splitlines():
        if entry := _ENTRY.match(line):
            names = entry["names"].split(", ")
            said |= dict.fromkeys(names, entry["said"])
        elif more := _MORE.match(line):
            said |= {name: f"{said[name]} {more['said']}" for name in names}
    return said
