"""The files of presets: where they lie, what they extend, and settings that are no longer there."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from unigs.errors import ConfigError, choices


def read_preset(name: str | Path) -> tuple[Path, dict[str, Any]]:
    """Return the file of a preset and its values, over those of the presets that it extends.

    Args:
        name: of a preset that ships with the package, or the path of a ``.yaml`` file.

    Raises:
        ConfigError: unknown preset, unreadable YAML, or files that extend each other in turn.
    """
    path = _file_of(name)
    return path, _read(path)


def preset_names() -> list[str]:
    """Return the names of the presets that ship with the package."""
    return sorted(file.stem for file in _shipped().glob("*.yaml"))


def _shipped() -> Path:
    return Path(str(resources.files("unigs.presets")))


def _file_of(name: str | Path) -> Path:
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return path
    path = _shipped() / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError(
            f"no preset {str(name)!r}", hint=f"{choices(name, preset_names())}, or a .yaml file"
        )
    return path


def _read(path: Path, extended: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the values of a file over those of the preset that it extends."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: holds no settings")
    base = values.pop("extends", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise ConfigError(f"extends: {base!r} given", file=path, hint="name one preset")
    place = _file_of(base)
    if place == Path(base):
        place = path.parent / base
    if place.resolve() in {one.resolve() for one in (path, *extended)}:
        raise ConfigError(f"extends: {base} extends it in turn", file=path)
    return _merged(_read(place, (*extended, path)), values)


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return one mapping over another; sections are merged, everything else is replaced."""
    merged = dict(below)
    for name, value in above.items():
        held = merged.get(name)
        if isinstance(held, dict) and isinstance(value, dict):
            value = _merged(held, value)
        merged[name] = value
    return merged


# Settings of earlier versions, and what to do about them.
_NO_LONGER = {
    "training.end_to_end": "delete it; every shipped preset had it switched off",
    "training.min_snr_gamma": "delete it; every shipped preset had it switched off",
    "training.colormap_median": "its name is training.colormap_loss: charbonnier for true",
    "data.refused_share": "its name is data.quarantined_share",
    "diffusion.quiet_start": "its name is diffusion.zero_initial_noise",
}


def refuse_removed(path: Path, values: dict[str, Any]) -> None:
    """Raise ConfigError for settings that presets of earlier versions may hold."""
    for dotted, hint in _NO_LONGER.items():
        section, name = dotted.split(".")
        held = values.get(section)
        if isinstance(held, dict) and name in held:
            raise ConfigError(f"{dotted}: no longer a setting", file=path, hint=hint)
    training = values.get("training")
    if isinstance(training, dict) and training.get("optimizer") == "adamw_8bit":
        raise ConfigError(
            "training.optimizer adamw_8bit: no longer a choice", file=path, hint="take adamw"
        )
