"""Presets: all settings of a run in one validated record, read from YAML.

The presets ship in ``unigs/presets``; ``tiny`` and ``sd15`` differ by values alone. A preset may
extend another: it then holds what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from unigs.config.data import DataConfig
from unigs.config.evaluation import EvaluationConfig
from unigs.config.overrides import RECORDED, apply_overrides, explain
from unigs.config.preset_files import preset_names, read_preset, refuse_removed
from unigs.config.retraining import RetrainingConfig
from unigs.config.strict import Strict
from unigs.config.training import ByTask, TrainingConfig, all_tasks
from unigs.errors import ConfigError
from unigs.tasks import TASKS

__all__ = ["Preset", "load_preset", "preset_names"]


class CodecConfig(Strict):
    """Palette by its name (`Palette.from_name`), decoder by its name and options.

    Attributes:
        palette, decoder: their names.
        options: arguments of the decoder.
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
        sample_posterior: training draws latents anew at every use, from the posterior of an
            autoencoder that has one (AutoencoderKL); without it their mean is learned.
    """

    source: str | None = None
    sample_posterior: bool = False
    patch_size: int = 4
    latent_channels: int = 16
    energy: float = 1.0
    fit_images: int = 400


class TextConfig(Strict):
    """A pretrained text encoder (`source`), or a frozen seeded one over the class names.

    Attributes:
        source: directory or Hub id of a text encoder with its tokenizer, or of a pipeline.
        hidden_size, layers, heads, max_length, seed: of the seeded one.
    """

    source: str | None = None
    hidden_size: int = 128
    layers: int = 1
    heads: int = 4
    max_length: int = 24
    seed: int = 0


class UNetConfig(Strict):
    """A Stable Diffusion UNet to grow from, or an architecture to start from scratch.

    Attributes:
        source: directory or Hub id of it, or of its pipeline.
        licence: of its weights, an SPDX or Hub name.
        architecture: a name, or arguments of diffusers' UNet2DConditionModel.
        seed: of the weights of one from scratch.
    """

    source: str | None = None
    licence: str | None = None
    architecture: str | dict[str, Any] | None = None
    seed: int = 0

    @model_validator(mode="after")
    def _one_of_both(self) -> UNetConfig:
        if (self.source is None) == (self.architecture is None):
            raise ValueError("give either unet.source or unet.architecture, the other null")
        return self


class DiffusionConfig(Strict):
    """The noise process.

    Attributes:
        scheduler: arguments of diffusers' DDIMScheduler; with a `checkpoint` those that differ
            from its own schedule (`unigs.models.noise_schedule.complete_schedule`).
        terminal_share: by task, the share of training draws at the last, noisiest timestep;
            the others are uniform over all timesteps.
        zero_initial_noise: tasks with zero noise at the last timestep, in training and in the
            first step of sampling. With zero terminal SNR that noise carries no information;
            without it the known inputs stay clear (as in single-step fine-tuning of depth
            estimators: Martin Garcia et al., 2024). Later steps of tasks with a new image still
            add noise, so that seeds differ.
    """

    scheduler: dict[str, Any] = Field(default_factory=dict)
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
    """Defaults of the pipeline.

    Attributes:
        steps, guidance: of sampling, by task; a guidance scale of 1 is none.
    """

    steps: dict[str, int]
    guidance: ByTask

    @model_validator(mode="after")
    def _complete(self) -> InferenceConfig:
        all_tasks("inference.steps", self.steps)
        all_tasks("inference.guidance", self.guidance)
        return self


class Preset(Strict):
    """All of a run.

    Attributes:
        name: the stem of the preset's file.
        checkpoint: directory or Hub id of a Stable Diffusion 1 or 2 pipeline. Autoencoder, text
            encoder and UNet that name no `source` come from it (a UNet with an `architecture` does
            not), and the noise schedule as far as `diffusion.scheduler` does not say otherwise.
        overrides: dotted names and values that were given besides the file.
    """

    name: str
    checkpoint: str | None = None
    data: DataConfig
    codec: CodecConfig
    autoencoder: AutoencoderConfig
    text: TextConfig
    unet: UNetConfig
    diffusion: DiffusionConfig = Field(default_factory=DiffusionConfig)
    training: TrainingConfig
    retraining: RetrainingConfig = Field(default_factory=RetrainingConfig)
    inference: InferenceConfig
    evaluation: EvaluationConfig
    overrides: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_checkpoint(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("checkpoint") is None:
            return values
        values = dict(values)
        for section in ("autoencoder", "text", "unet"):
            held = values.get(section) or {}
            if isinstance(held, dict) and "source" not in held and not held.get("architecture"):
                values[section] = {**held, "source": values["checkpoint"]}
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Preset:
        if self.checkpoint is None and not self.diffusion.scheduler:
            raise ValueError("give diffusion.scheduler, or a checkpoint that has one")
        zero = self.diffusion.scheduler.get("rescale_betas_zero_snr")
        if self.training.colormap_loss == "charbonnier" and not zero:
            raise ValueError(
                "training.colormap_loss charbonnier needs rescale_betas_zero_snr: true"
            )
        return self

    def again(self) -> Preset:
        """Return the preset of a training of a model that has a champion: with its budget."""
        budget = self.retraining.model_dump(include={"steps", "hours"}, exclude_none=True)
        return self.model_copy(update={"training": self.training.model_copy(update=budget)})


def load_preset(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Preset:
    """Read a preset that ships with the package, or any YAML file of the same form.

    Args:
        name: `tiny`, `sd15`, ... or the path of a ``.yaml`` file.
        overrides: dotted names to values, e.g. ``{"training.steps": 20}``.

    Raises:
        ConfigError: unknown preset, unreadable YAML, or a value that the schema refuses; an unknown
            setting is told with the nearest there is.
    """
    path, values = read_preset(name)
    given = dict(overrides or {})
    apply_overrides(Preset, values, given)
    refuse_removed(path, values)
    for recorded in RECORDED:
        if recorded in values:
            file = None if recorded in given else path
            raise ConfigError(f"{recorded}={values[recorded]}: no such setting", file=file)
    try:
        return Preset.model_validate({**values, "name": path.stem, "overrides": given})
    except ValidationError as error:
        raise explain(Preset, error, given, path) from error
