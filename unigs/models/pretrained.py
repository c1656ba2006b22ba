"""Pretrained weights by content: which files a preset's sources come down to, and their digests.

Equal digests mean equal weights, wherever they lie and whatever the folder is called.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from unigs.config.preset import Preset
from unigs.errors import ConfigError, ModelError
from unigs.io.files import replacing, sha256_of
from unigs.models.source import (
    TAESD_ENCODER,
    component_directory,
    read_config,
    require_family,
    require_reachable,
    require_safetensors,
    resolve_directory,
)

# What a preset names sources for: components, with the folders of a pipeline that each is read
# from, and evaluators.
COMPONENTS = {"autoencoder": ("vae",), "text": ("text_encoder", "tokenizer"), "unet": ("unet",)}
EVALUATORS = ("clip", "segmenter", "inception", "dinov2")
# Those that a preset may name beside evaluators which the graph trains.
_BESIDE = ("inception", "dinov2")


class FileDigests:
    """SHA-256 of files, remembered by path, size and times, so that gigabytes are read once.

    Args:
        record: JSON file that remembers them; None for no longer than this object lives.
    """

    def __init__(self, record: Path | None = None) -> None:
        self._record = record
        self._known: dict[str, list[object]] = {}
        if record is not None and record.is_file():
            try:
                known = json.loads(record.read_text(encoding="utf-8"))
            # a record that was cut short costs reading the files again, no more
            except ValueError:
                known = None
            self._known = known if isinstance(known, dict) else {}

    def of(self, file: Path) -> str:
        """Return the digest of a file.

        Raises:
            ModelError: it cannot be read.
        """
        place = file.resolve()
        try:
            state = place.stat()
        except OSError as error:
            raise ModelError(f"{file}: {error.strerror}; check the path") from error
        # the time of the last change of its record, too: nobody can set it back
        look = [state.st_size, state.st_mtime_ns, state.st_ctime_ns]
        held = self._known.get(str(place))
        if isinstance(held, list) and held[:3] == look:
            return str(held[3])
        digest = sha256_of(place)
        if not digest:
            raise ModelError(f"{file}: cannot be read; check its rights")
        self._known[str(place)] = [*look, digest]
        if self._record is not None:
            known = {name: held for name, held in self._known.items() if Path(name).is_file()}
            with replacing(self._record) as partial:
                partial.write_text(json.dumps(known, indent=1), encoding="utf-8")
        return digest


def sources_of(preset: Preset) -> dict[str, str]:
    """Return what a preset names for `COMPONENTS` and `EVALUATORS`, where it names something."""
    sources = {name: getattr(preset, name).source for name in COMPONENTS}
    named = EVALUATORS if preset.evaluation.evaluators == "paper" else _BESIDE
    sources |= {name: getattr(preset.evaluation, name) for name in named}
    return {name: source for name, source in sources.items() if source is not None}


def source_files(name: str, source: str | Path) -> list[Path]:
    """Return the files that a source comes down to: settings, vocabulary and weights.

    Args:
        name: of `COMPONENTS` or `EVALUATORS`.

    Raises:
        ModelError: missing, of another family, cut short, or pickles only.
    """
    if name == "inception":
        if not Path(source).is_file():
            raise ModelError(f"{source}: no such file; give the file of the Inception weights")
        return [Path(source)]
    directory = resolve_directory(source)
    if name in EVALUATORS or (directory / TAESD_ENCODER).is_file():
        return _files(directory)
    if name != "autoencoder":
        require_family(directory)
    part, *others = COMPONENTS[name]
    found = _files(component_directory(directory, part))
    return found + [file for other in others for file in _settings(directory / other)]


def source_digest(name: str, source: str | Path, digests: FileDigests) -> str:
    """Return the SHA-256 (hex) over names and bytes of `source_files`; of a single file its own."""
    files = source_files(name, source)
    if name == "inception":
        return digests.of(files[0])
    lines = sorted(f"{file.name} {digests.of(file)}" for file in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def require_sources(preset: Preset, names: Collection[str] = (*COMPONENTS, *EVALUATORS)) -> None:
    """Check, before anything is built, the sources of a preset.

    Headers are read, not the weights; a Hub id must be in the cache or be reached.

    Args:
        names: of `COMPONENTS` and `EVALUATORS`, those that will be read.

    Raises:
        ModelError: as `source_files` and `require_reachable`.
        ConfigError: the UNet is made for other text states or latents than it will be given.
    """
    for name, source in sources_of(preset).items():
        if name not in names:
            continue
        if name == "inception" or Path(source).expanduser().exists():
            source_files(name, source)
        else:
            require_reachable(source)
    for what, place, of_unet in (
        ("tokens of width", ("text", "hidden_size"), "cross_attention_dim"),
        ("latents of channels", ("autoencoder", "latent_channels"), "out_channels"),
    ):
        given, taken = _stated(preset, *place), _stated(preset, "unet", of_unet)
        if None not in (given, taken) and given != taken:
            raise ConfigError(
                f"the UNet takes {what} {taken}, unlike {place[0]}: {given}",
                hint="take both from one checkpoint (with unet.architecture null)",
            )


def _stated(preset: Preset, name: str, setting: str) -> Any:
    """Return what a component's configuration says, of one from scratch the preset; None where it
    cannot be known here."""
    section = getattr(preset, name)
    if section.source is not None:
        directory = Path(section.source).expanduser()
        if not directory.is_dir() or (directory / TAESD_ENCODER).is_file():
            return None
        folder = component_directory(section.source, COMPONENTS[name][0])
        return read_config(folder).get(setting)
    if name != "unet":
        return getattr(section, setting)
    named = isinstance(section.architecture, str)
    # the channels of a UNet from scratch follow the autoencoder
    return None if named or setting == "out_channels" else section.architecture.get(setting)


def _files(folder: Path) -> list[Path]:
    return [*_settings(folder), *require_safetensors(folder)]


def _settings(folder: Path) -> list[Path]:
    return sorted(file for form in ("*.json", "*.txt") for file in folder.glob(form))
