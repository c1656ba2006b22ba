"""Locate a component's files: a local diffusers directory or a Hub id."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

from unigs.errors import ConfigError, ModelError
from unigs.io.files import finish_replacing

PICKLES = ("*.bin", "*.ckpt", "*.pt", "*.pth")
# Components alone: repositories also hold single-file copies of the whole model.
HUB_PATTERNS = ("*.json", "*.txt", "*/*.safetensors", "diffusion_pytorch_model*.safetensors")
HUB_IGNORED = ("safety_checker/*", "*non_ema*")


def resolve_directory(source: str | PathLike[Any]) -> Path:
    """Return the local directory behind `source`: itself, or the snapshot of a Hub id `owner/name`.

    Only JSON, text and the components' safetensors files are taken from the Hub.

    Raises:
        ModelError: neither a directory nor a repository that can be reached.
    """
    path = Path(source).expanduser()
    finish_replacing(path)
    if path.is_dir():
        return path
    if path.is_file():
        raise ModelError(
            f"{path}: a single checkpoint file; give a diffusers directory "
            "(convert with diffusers' scripts/convert_original_stable_diffusion_to_diffusers.py "
            "--to_safetensors)"
        )
    if path.is_absolute() or str(source).startswith(".") or str(source).count("/") != 1:
        raise ModelError(f"{source}: no such directory; give a diffusers directory or a Hub id")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                str(source), allow_patterns=list(HUB_PATTERNS), ignore_patterns=list(HUB_IGNORED)
            )
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"{source}: no such directory, and not reachable as a Hub id ({reason}); "
            "give the path of a downloaded diffusers directory"
        ) from error


def component_directory(source: str | Path, name: str) -> Path:
    """Return the directory of component `name` ("vae", "unet", ...) of a pipeline directory, or the
    directory itself when it holds that component's own config.json.

    Raises:
        ModelError: the component is missing.
    """
    directory = resolve_directory(source)
    if (directory / name / "config.json").is_file():
        return directory / name
    if (directory / "config.json").is_file():
        return directory
    raise ModelError(
        f"{directory}: no {name}/config.json and no config.json; "
        f"give a diffusers directory that holds the component {name!r}"
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


def require_safetensors(directory: Path) -> None:
    """Refuse a component whose weights exist only as pickles, which run code when loaded.

    Raises:
        ModelError: no safetensors file; the message says how to convert.
    """
    if any(directory.glob("*.safetensors")):
        return
    pickles = sorted(file.name for pattern in PICKLES for file in directory.glob(pattern))
    if not pickles:
        raise ModelError(f"{directory}: no weights (*.safetensors); download or save them again")
    raise ModelError(
        f"{directory}: only pickle weights ({', '.join(pickles)}), which can run code when "
        "loaded; convert them once on a machine you trust: load the component with "
        "use_safetensors=False and call save_pretrained(..., safe_serialization=True)"
    )


def check_tasks(source: str | PathLike[Any], task: str) -> None:
    """Refuse a local pipeline directory that is incomplete, or that was not trained for a task.

    Reads a few small files; a Hub id is left to the loading.

    Raises:
        ModelError: as `require_pipeline`.
        ConfigError: the model says its tasks, and this is none of them.
    """
    folder = Path(source).expanduser()
    if not folder.is_dir():
        return
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
