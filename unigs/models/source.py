"""Locate a component's files: a local diffusers directory or a Hub id."""

from __future__ import annotations

import json
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any

from unigs.errors import ConfigError, ModelError
from unigs.io.files import finish_replacing
from unigs.models.addresses import resolved_elsewhere
from unigs.models.hub import download_snapshot

PICKLES = ("*.bin", "*.ckpt", "*.pt", "*.pth")
# Components alone: repositories also hold single-file copies of the whole model.
HUB_PATTERNS = (
    "*.json",
    "*.txt",
    "*/*.safetensors",
    "model*.safetensors",
    "diffusion_pytorch_model*.safetensors",
)
HUB_IGNORED = ("safety_checker/*", "*non_ema*")
HALF = ".fp16."
# TAESD in its original naming, without a config.json.
TAESD_ENCODER, TAESD_DECODER = "taesd_encoder.safetensors", "taesd_decoder.safetensors"
LORA_FILES = ("pytorch_lora_weights.safetensors", "adapter_model.safetensors")
_LFS = b"version https://git-lfs"


def resolve_directory(source: str | PathLike[Any]) -> Path:
    """Return the local directory behind `source`: itself, the snapshot of a Hub id `owner/name` or
    `owner/name@revision`, or a registered model `models:/name@champion` or `models:/name/3`.

    Only JSON, text and the components' safetensors files are taken from the Hub, those in half
    precision where there are no others. An id means the same snapshot for the whole process.

    Raises:
        ModelError: neither a directory nor a repository that can be reached, or no such model.
    """
    scheme, colon, _ = str(source).partition(":/")
    if colon and len(scheme) > 1:  # one letter is a drive
        return resolved_elsewhere(str(source), scheme)
    path = Path(source).expanduser()
    finish_replacing(path)
    if path.is_dir():
        return path
    if path.is_file():
        raise ModelError(_single_file(path))
    name = hub_id(source)
    if name is None:
        raise ModelError(f"{source}: no such directory; give a diffusers directory or a Hub id")
    return _snapshot(name, str(source).partition("@")[2] or None)


def hub_id(source: str | PathLike[Any]) -> str | None:
    """Return the ``owner/name`` of a Hub id without its revision; None for a path."""
    path = Path(source).expanduser()
    name = str(source).partition("@")[0]
    is_path = (
        ":/" in name
        or path.exists()
        or path.is_absolute()
        or name.startswith(".")
        or name.count("/") != 1
    )
    return None if is_path else name


def require_reachable(source: str | PathLike[Any]) -> None:
    """Check a Hub id, before anything is downloaded but its settings; of a directory nothing.

    Raises:
        ModelError: neither a directory, nor in the cache, nor a repository that can be reached.
    """
    name = hub_id(source)
    if name is not None:
        _settings_of(name, str(source).partition("@")[2] or None)
    else:
        resolve_directory(source)


@cache
def _settings_of(name: str, revision: str | None) -> Path:
    return download_snapshot(name, revision, ["config.json", "model_index.json"])


@cache
def _snapshot(name: str, revision: str | None) -> Path:
    folder = download_snapshot(name, revision, HUB_PATTERNS, (*HUB_IGNORED, f"*{HALF}*"))
    return (
        download_snapshot(name, revision, HUB_PATTERNS, HUB_IGNORED)
        if _lacks_weights(folder)
        else folder
    )


def _lacks_weights(folder: Path) -> bool:
    places = [folder, *(folder / name for name in ("vae", "text_encoder", "unet"))]
    parts = [place for place in places if (place / "config.json").is_file()]
    return any(not any(part.glob("*.safetensors")) for part in parts)


def _single_file(path: Path) -> str:
    if path.suffix == ".safetensors" and any("lora" in name for name in tensor_names(path)):
        return f"{path}: LoRA adapters, not a checkpoint; merge them into one first (fuse_lora)"
    return (
        f"{path}: a single checkpoint file; give a diffusers directory (make one with "
        "StableDiffusionPipeline.from_single_file(FILE).save_pretrained(DIRECTORY))"
    )


def source_name(source: str | PathLike[Any]) -> str:
    """Return what a model is called: its folder's name, or that of a Hub id without owner and
    revision."""
    return Path(hub_id(source) or source).name


def component_directory(source: str | Path, name: str, file: str = "config.json") -> Path:
    """Return the directory of component `name` ("vae", "unet", ...) of a pipeline directory, or the
    directory itself when it holds that component's own configuration `file`.

    Raises:
        ModelError: the component is missing.
    """
    directory = resolve_directory(source)
    if (directory / name / file).is_file():
        return directory / name
    if (directory / file).is_file():
        return directory
    raise ModelError(
        f"{directory}: no {name}/{file} and no {file}; "
        f"give a diffusers directory that holds the component {name!r}"
    )


def require_family(directory: Path) -> None:
    """Refuse a pipeline directory that is none of Stable Diffusion 1 and 2, by its parts.

    Raises:
        ModelError: a transformer or a second text encoder (SDXL, SD3, Flux), or LoRA adapters.
    """
    if (directory / "unet").is_dir() and not (directory / "text_encoder_2").is_dir():
        return
    if any((directory / part).is_dir() for part in ("transformer", "text_encoder_2")):
        index = directory / "model_index.json"
        family = read_config(directory, index.name).get("_class_name") if index.is_file() else None
        raise ModelError(
            f"{directory}: {family or 'this model'} is not of the Stable Diffusion 1 and 2 family; "
            "give a checkpoint of theirs"
        )
    if any((directory / file).is_file() for file in LORA_FILES):
        raise ModelError(
            f"{directory}: LoRA adapters, not a checkpoint; merge them into one first (fuse_lora)"
        )


def read_config(directory: Path, name: str = "config.json") -> dict[str, Any]:
    """Return a component's configuration file as a dict.

    Raises:
        ModelError: missing or unreadable.
    """
    file = directory / name
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file}: unreadable ({error}); save the component again") from error
    if not isinstance(config, dict):
        raise ModelError(f"{file}: not a JSON object; save the component again")
    return config


def require_safetensors(directory: Path) -> list[Path]:
    """Return the weights files of a component, those in half precision where there are no others.

    Headers are read, not the weights.

    Raises:
        ModelError: weights are missing, cut short, or exist only as pickles, which run code when
            loaded; the message says how to convert.
    """
    found = sorted(directory.glob("*.safetensors"))
    whole = [file for file in found if HALF not in file.name and "non_ema" not in file.name]
    files = whole or [file for file in found if HALF in file.name]
    if files:
        for index in directory.glob("*.safetensors.index*.json"):
            if (HALF in index.name) == (not whole):
                listed = read_config(directory, index.name).get("weight_map", {}).values()
                if missing := sorted(set(listed) - {file.name for file in files}):
                    raise ModelError(f"{directory / missing[0]}: missing; download it again")
        for file in files:
            tensor_names(file)
        return files
    pickles = sorted(file.name for pattern in PICKLES for file in directory.glob(pattern))
    if not pickles:
        raise ModelError(f"{directory}: no weights (*.safetensors); download or save them again")
    raise ModelError(
        f"{directory}: only pickle weights ({', '.join(pickles)}), which can run code when "
        "loaded; convert them once on a machine you trust: load the component with "
        "use_safetensors=False and call save_pretrained(..., safe_serialization=True)"
    )


def loading(directory: Path) -> dict[str, Any]:
    """Return how `from_pretrained` is to load a component: safetensors alone, in half precision
    where there is nothing else.

    Raises:
        ModelError: as `require_safetensors`.
    """
    half = HALF in require_safetensors(directory)[0].name
    return {"use_safetensors": True, "variant": "fp16" if half else None}


def tensor_names(file: Path) -> list[str]:
    """Return the names of a safetensors file's tensors.

    Raises:
        ModelError: cut short, damaged, or a pointer to a file that was not downloaded.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as tensors:
            return list(tensors.keys())
    except (SafetensorError, OSError) as error:
        if _begins_with(file, _LFS):
            raise ModelError(f"{file}: a Git LFS pointer; fetch the file (git lfs pull)") from error
        raise ModelError(f"{file}: cut short or damaged ({error}); download it again") from error


def _begins_with(file: Path, mark: bytes) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(len(mark)) == mark
    except OSError:
        return False


def check_tasks(source: str | PathLike[Any], task: str) -> None:
    """Refuse a pipeline that is incomplete, cannot be reached or was not trained for a task.

    Reads a few small files; of a Hub id its settings alone.

    Raises:
        ModelError: as `require_pipeline`, or no such directory or repository.
        ConfigError: the model says its tasks, and this is none of them.
    """
    name = hub_id(source)
    if name is not None:
        folder = _settings_of(name, str(source).partition("@")[2] or None)
    else:
        folder = resolve_directory(source)
        require_pipeline(folder)
    tasks = read_config(folder, "model_index.json").get("tasks") or [task]
    if task not in tasks:
        raise ConfigError(
            f"task: this model was not trained for {task}", hint=f"give one of {', '.join(tasks)}"
        )


def require_pipeline(directory: Path) -> None:
    """Refuse a directory that holds no pipeline, or one whose weights are pickles.

    Raises:
        ModelError: model_index.json or a component is missing, or has pickle weights only.
    """
    read_config(directory, "model_index.json")
    for name in ("vae", "text_encoder", "unet"):
        require_safetensors(component_directory(directory, name))
