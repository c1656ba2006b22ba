"""Presets: all settings of a run in one validated record, read from YAML.

The presets ship in ``unigs/presets``; ``tiny`` and ``sd15`` differ by values alone.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from unigs.config.data import DataConfig
from unigs.config.strict import Strict
from unigs.config.training import ByTask, TrainingConfig, all_tasks
from unigs.errors import ConfigError
from unigs.tasks import TASKS


class CodecConfig(Strict):
    """Palette by its name (`Palette.from_name`), decoder by its name and options.

    Attributes:
        refine_steps: by which the latents of colormaps are refined (`encode_colormaps`).
    """

    palette: str = "smooth-11-v1"
    decoder: str = "pdm"
    options: dict[str, float | int | str | bool] = Field(default_factory=dict)
    refine_steps: int = Field(default=0, ge=0)


class AutoencoderConfig(Strict):
    """A pretrained autoencoder (`source`), or principal components of patches fitted to the data.

    Attributes:
        source: directory or Hub id of an autoencoder or of a pipeline that holds one.
        patch_size, latent_channels, energy: of the `PatchAutoencoder` where `source` is null.
        fit_images: training images, and as many colormaps, that the fit reads.
    """

    source: str | None = None
    patch_size: int = 4
    latent_channels: int = 16
    energy: float = 1.0
    fit_images: int = 400


class TextConfig(Strict):
    """A pretrained text encoder (`source`), or a frozen seeded one over the class names."""

    source: str | None = None
    hidden_size: int = 128
    layers: int = 1
    heads: int = 4
    max_length: int = 24
    seed: int = 0


class UNetConfig(Strict):
    """A Stable Diffusion checkpoint to grow from (`source`), or an architecture to start from
    scratch: a name or diffusers' UNet2DConditionModel arguments. `licence` is that of the
    checkpoint's weights (an SPDX or Hub name)."""

    source: str | None = None
    licence: str | None = None
    architecture: str | dict[str, Any] | None = None
    seed: int = 0

    @model_validator(mode="after")
    def _one_of_both(self) -> UNetConfig:
        if (self.source is None) == (self.architecture is None):
            raise ValueError("give either unet.source or unet.architecture")
        return self


class DiffusionConfig(Strict):
    """The noise process.

    Attributes:
        scheduler: arguments of diffusers' DDIMScheduler.
        terminal_share: by task, the share of training draws at the last, noisiest timestep;
            the others are uniform over all timesteps.
        zero_initial_noise: tasks with zero noise at the last timestep, in training and in the
            first step of sampling. With zero terminal SNR that noise carries no information;
            without it the known inputs stay clear (as in single-step fine-tuning of depth
            estimators: Martin Garcia et al., 2024). Later steps of tasks with a new image still
            add noise, so that seeds differ.
    """

    scheduler: dict[str, Any]
    terminal_share: ByTask = Field(default_factory=lambda: dict.fromkeys(TASKS, 0.0))

    zero_initial_noise: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> DiffusionConfig:
        all_tasks("diffusion.terminal_share", self.terminal_share)
        if unknown := set(self.zero_initial_noise) - set(TASKS):
            raise ValueError(f"diffusion.zero_initial_noise names {sorted(unknown)}")
        if self.zero_initial_noise and not self.scheduler.get("rescale_betas_zero_snr"):
            raise ValueError("diffusion.zero_initial_noise needs rescale_betas_zero_snr: true")
        return self


class InferenceConfig(Strict):
    """Defaults of the pipeline: sampling steps and guidance scale by task."""

    steps: dict[str, int]
    guidance: ByTask

    @model_validator(mode="after")
    def _complete(self) -> InferenceConfig:
        all_tasks("inference.steps", self.steps)
        all_tasks("inference.guidance", self.guidance)
        return self


class EvaluationConfig(Strict):
    """The test protocol and its evaluators.

    Attributes:
        scenes: validation scenes that are evaluated (1000 in the paper).
        evaluators: `shapes` trains small ones in the graph; `paper` loads the paper's from
            `clip`, `segmenter` (directories or Hub ids) and `inception` (a weights file).
    """

    scenes: int = Field(1000, ge=1)
    evaluators: Literal["shapes", "paper"] = "shapes"
    clip: str | None = None
    segmenter: str | None = None
    inception: str | None = None
    batch_size: int = Field(32, ge=1)


class Preset(Strict):
    """All of a run. `name` is the file's stem."""

    name: str
    data: DataConfig
    codec: CodecConfig
    autoencoder: AutoencoderConfig
    text: TextConfig
    unet: UNetConfig
    diffusion: DiffusionConfig
    training: TrainingConfig
    inference: InferenceConfig
    evaluation: EvaluationConfig

    @model_validator(mode="after")
    def _consistent(self) -> Preset:
        zero = self.diffusion.scheduler.get("rescale_betas_zero_snr")
        if self.training.colormap_loss == "charbonnier" and not zero:
            raise ValueError(
                "training.colormap_loss charbonnier needs rescale_betas_zero_snr: true"
            )
        return self


def load_preset(name: str | Path, overrides: dict[str, Any] | None = None) -> Preset:
    """Read a preset that ships with the package, or any YAML file of the same form.

    Args:
        name: `tiny`, `sd15`, ... or the path of a ``.yaml`` file.
        overrides: dotted names to values, e.g. ``{"training.steps": 20}``.

    Raises:
        ConfigError: unknown preset, unreadable YAML, or a value that the schema refuses.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = Path(str(resources.files("unigs.presets").joinpath(f"{name}.yaml")))
        if not path.is_file():
            known = ", ".join(sorted(file.stem for file in path.parent.glob("*.yaml")))
            raise ConfigError(f"no preset {name!r}: give one of {known}, or a .yaml file")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: holds no settings")
    for dotted, value in (overrides or {}).items():
        place: Any = values
        *parents, last = dotted.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    _refuse_removed(path, values)
    try:
        return Preset(name=path.stem, **values)
    except (ValidationError, TypeError) as error:
        raise ConfigError(f"{path}: {error}") from error


# Settings of earlier versions, and what to do about them.
_NO_LONGER = {
    "training.end_to_end": "delete it; every shipped preset had it switched off",
    "training.min_snr_gamma": "delete it; every shipped preset had it switched off",
    "training.colormap_median": "its name is training.colormap_loss: charbonnier for true",
    "data.refused_share": "its name is data.quarantined_share",
    "diffusion.quiet_start": "its name is diffusion.zero_initial_noise",
}


def _refuse_removed(path: Path, values: dict[str, Any]) -> None:
    """ConfigError for settings that presets of earlier versions may hold."""
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
