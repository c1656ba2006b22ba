"""Overrides of a preset: dotted names, typed by the preset's own schema.

``training.batch_size=8`` names a field of a section, ``diffusion.scheduler.beta_end=0.02`` an entry
of a mapping. Text that a field takes as text stays as it is, blanks and ``=`` included; everything
else is a YAML scalar, list or mapping, ``null`` for none.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from unigs.errors import ConfigError

# Fields of a preset that are no settings: load_preset writes them.
RECORDED = ("name", "overrides")
_NULL = "null"


class _Scalars(yaml.SafeLoader):
    """YAML without dates, and with ``1e-5`` as the number it is in YAML 1.2 and JSON."""


_Scalars.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Scalars.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+\Z"),
    list("-+.0123456789"),
)


def parse_overrides(schema: type[BaseModel], texts: Iterable[str]) -> dict[str, Any]:
    """Parse ``NAME=VALUE`` texts, the value by the type that the schema gives the name.

    Of a name that is given twice the last value counts. Unknown names are left to whoever reads the
    preset.

    Raises:
        ConfigError: no ``=``, or a value that is no YAML.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"{text!r} is no setting", hint="give NAME=VALUE")
        found[name.strip()] = _typed(_type_of(schema, name.strip()), name.strip(), value)
    return found


def spelled(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return overrides with ``null`` as text, also within lists and mappings, for configurations
    that have no null (Dagster's)."""
    return {name: _replaced(value, None, _NULL) for name, value in overrides.items()}


def unspelled(schema: type[BaseModel], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return overrides in which the text ``null`` is null again, but where only text can be."""
    return {
        name: _typed(_type_of(schema, name), name, value)
        if value == _NULL
        else _replaced(value, _NULL, None)
        for name, value in overrides.items()
    }


def _replaced(value: Any, old: Any, new: Any) -> Any:
    """Return a value of YAML in which one scalar is another, at any depth."""
    if isinstance(value, Mapping):
        return {key: _replaced(below, old, new) for key, below in value.items()}
    if isinstance(value, list):
        return [_replaced(below, old, new) for below in value]
    return new if value == old else value


def apply_overrides(
    schema: type[BaseModel], values: dict[str, Any], overrides: Mapping[str, Any]
) -> None:
    """Write overrides into the values of a preset file, in place.

    A mapping that the file leaves at its default keeps the entries that no override names.

    Raises:
        ConfigError: a name goes below a single value.
    """
    for dotted, value in overrides.items():
        place: dict[str, Any] = values
        *parents, last = dotted.split(".")
        for depth, parent in enumerate(parents, 1):
            above = ".".join(parents[:depth])
            held = place.get(parent)
            if held is None:
                held = place[parent] = _default(schema, above)
            if not isinstance(held, dict):
                raise ConfigError(f"{dotted}: {above} is one value", hint=f"give {above}=VALUE")
            place = held
        place[last] = value


def explain(
    schema: type[BaseModel], error: ValidationError, overrides: Mapping[str, Any], file: object
) -> ConfigError:
    """Return what a schema refuses as an error of one line: each setting and what is wrong with it.

    A fault of an override is told with its value, any other with the file.
    """
    told: dict[str, str] = {}
    of_file = False
    for item in error.errors(include_url=False):
        path = ".".join(str(part) for part in item["loc"] if not _is_branch(part))
        cause = next((name for name in overrides if f"{name}.".startswith(f"{path}.")), None)
        cause = cause or next((n for n in overrides if path.startswith(f"{n}.")), None)
        shown = path if cause is None else f"{cause}={overrides[cause]}"
        if cause is not None and path.startswith(f"{cause}."):
            shown += f": {path}"
        of_file |= cause is None
        # of a union there is an error for every type
        told.setdefault(shown, _reason(schema, item, cause or path))
    lines = (": ".join(filter(None, pair)) for pair in told.items())
    return ConfigError("; ".join(lines), file=file if of_file else None)


def setting_names(schema: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every setting of a schema, sections left out."""
    for name, field in schema.model_fields.items():
        if not prefix and name in RECORDED:
            continue
        below = _model_of(field.annotation)
        if below is None:
            yield f"{prefix}{name}"
        else:
            yield from setting_names(below, f"{prefix}{name}.")


def nearest_names(schema: type[BaseModel], name: str) -> list[str]:
    """Return the settings that an unknown name may mean: of a bare name those that end in it."""
    names = list(setting_names(schema))
    same = [known for known in names if known.rpartition(".")[2] == name]
    return same or difflib.get_close_matches(name, names, n=1, cutoff=0.6)


def _reason(schema: type[BaseModel], item: Mapping[str, Any], name: str) -> str:
    if item["type"] == "extra_forbidden":
        near = nearest_names(schema, name)
        return "no such setting" + (f"; did you mean {' or '.join(near)}?" if near else "")
    if item["type"] == "missing":
        return "is missing"
    reason = item["msg"].removeprefix("Value error, ")
    return reason[:1].lower() + reason[1:] if reason.startswith("Input ") else reason


def _is_branch(part: object) -> bool:
    """Of a union, pydantic names in a location which type it tried."""
    return isinstance(part, str) and (part in ("str", "float", "int", "bool") or "[" in part)


def _typed(kind: Any, name: str, text: str) -> Any:
    kinds = _kinds(kind)
    takes_text = any(one is str or get_origin(one) is Literal for one in kinds)
    others = [one for one in kinds if one not in (str, NoneType) and get_origin(one) is not Literal]
    if NoneType in kinds and text.strip() in ("null", "~"):
        return None
    if takes_text and not others:
        return text
    try:
        value = yaml.load(text, Loader=_Scalars)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError(f"{name}={text}: not a YAML value ({problem})") from error
    if takes_text and not isinstance(value, tuple(get_origin(one) or one for one in others)):
        return text
    if isinstance(value, str) and any(get_origin(one) is tuple for one in others):
        return [part.strip() for part in value.split(",")]
    return value


def _type_of(schema: type[BaseModel], dotted: str) -> Any:
    """Return the type of a name; Any for what the schema does not know."""
    kind: Any = schema
    for part in dotted.split("."):
        model = _model_of(kind)
        if model is not None:
            field = model.model_fields.get(part)
            kind = Any if field is None else field.annotation
        else:
            values = [get_args(one)[1] for one in _kinds(kind) if get_origin(one) is dict]
            kind = values[0] if values else Any
    return kind


def _default(schema: type[BaseModel], dotted: str) -> dict[str, Any]:
    """Return the default of a mapping, empty for a section."""
    kind: Any = schema
    default: Any = None
    for part in dotted.split("."):
        model = _model_of(kind)
        field = None if model is None else model.model_fields.get(part)
        if field is None:
            return {}
        kind, default = field.annotation, field.get_default(call_default_factory=True)
    return dict(default) if isinstance(default, dict) else {}


def _model_of(kind: Any) -> type[BaseModel] | None:
    models = [one for one in _kinds(kind) if isinstance(one, type) and issubclass(one, BaseModel)]
    return models[0] if models else None


def _kinds(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
