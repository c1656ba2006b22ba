"""A preset: every choice of a run in one checked record, read from YAML.

The presets ship in ``unigs/presets``; ``tiny`` and ``sd15`` differ by values alone.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from unigs.data_configuration import DataConfig, Strict
from unigs.errors import ConfigError
from unigs.tasks import TASKS

ByTask = dict[str, float]


def _all_tasks(name: str, values: dict[str, Any]) -> None:
    if set(values) != set(TASKS):
        raise ValueError(f"{name} names {sorted(values)}; give a value for each of {list(TASKS)}")


class CodecConfig(Strict):
    """Palette by its name (`Palette.from_name`), decoder by its name and options."""

    palette: str = "smooth-11-v1"
    decoder: str = "pdm"
    options: dict[str, float | int | str | bool] = Field(default_factory=dict)


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
        quiet_start: tasks that hear no noise at the last timestep, in training and in the first
            step of sampling. With zero terminal SNR that noise says nothing; leaving it out
            makes what is known clear (single-step fine-tuning of depth estimators found the
            same: Martin Garcia et al., 2024). Later steps of tasks with a new image hear their
            noise, so that seeds still differ.
    """

    scheduler: dict[str, Any]
    terminal_share: ByTask = Field(default_factory=lambda: dict.fromkeys(TASKS, 0.0))

    quiet_start: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> DiffusionConfig:
        _all_tasks("diffusion.terminal_share", self.terminal_share)
        if unknown := set(self.quiet_start) - set(TASKS):
            raise ValueError(f"diffusion.quiet_start names {sorted(unknown)}")
        if self.quiet_start and not self.scheduler.get("rescale_betas_zero_snr"):
            raise ValueError("diffusion.quiet_start needs rescale_betas_zero_snr: true")
        return self


class TrainingConfig(Strict):
    """One training loop for single tasks and the joint model.

    Attributes:
        ratios: by task, its share of the draws of the joint model (0.3/0.3/0.2/0.2).
        steps: optimiser steps; null means `epochs` over the largest task stream
            (`single_task_epochs` where one task is trained).
        batch_size: samples per optimiser step over all processes.
        accumulation: equal parts in which a process takes its share of a batch, one after the
            other, for less memory; the gradient is that of the whole batch.
        processes: on this machine; each takes its share of every batch and of the cores. Under
            torchrun its number of processes counts.
        optimizer: `adamw_8bit` keeps the moments in 8 bits (extra `eight-bit`); `muon` learns
            from scratch in fewer steps (`unigs.muon`).
        learning_rate, warmup_steps, final_rate: linear warm-up, then a cosine from
            `learning_rate` to `final_rate` times it.
        empty_prompt: by task, the probability that the prompt is dropped.
        known_half_weight: loss weight of the half that Table 2 marks as a repetition.
        colormap_weight: of the colormap half against the image half.
        colormap_median: at the last timestep, where one step must answer, errors of the colormap
            count by their length, which gives sharper colormaps; needs zero terminal SNR.
        entity_balance: small entities weigh more in the colormap half.
        min_snr_gamma: weigh a sample's loss by min(SNR, gamma) in units of the clean latent's
            error (Hang et al., 2023); null weighs all timesteps alike.
        lora_rank: train low-rank adapters of the attention, merged at the end, with the first and
            last convolution and the task embedding whole (extra `lora`); null trains everything.
        compile: compile the UNet with torch.compile.
        precision: `auto` takes bf16 where the processor has it in hardware; fp16 scales the loss.
        validate_every, checkpoint_every: in steps; checkpoints_kept: the newest ones stay.
    """

    ratios: ByTask = Field(
        default_factory=lambda: {name: task.ratio for name, task in TASKS.items()}
    )
    steps: int | None = None
    epochs: float = 96
    single_task_epochs: float = 48
    batch_size: int = Field(32, ge=1)
    accumulation: int = Field(1, ge=1)
    processes: int = Field(1, ge=1)
    optimizer: Literal["adamw", "adamw_8bit", "muon"] = "adamw"
    learning_rate: float = Field(3e-5, gt=0)
    warmup_steps: int = Field(500, ge=0)
    final_rate: float = Field(0.0, ge=0, le=1)
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    clip_norm: float = Field(1.0, gt=0)
    ema_decay: float = Field(0.9999, ge=0, lt=1)
    empty_prompt: ByTask = Field(default_factory=lambda: dict.fromkeys(TASKS, 0.1))
    known_half_weight: float = Field(1.0, ge=0)
    colormap_weight: float = Field(1.0, gt=0)
    colormap_median: bool = False
    entity_balance: bool = False
    min_snr_gamma: float | None = Field(None, gt=0)
    lora_rank: int | None = Field(None, ge=1)
    compile: bool = False
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    gradient_checkpointing: bool = False
    validate_every: int = Field(500, ge=1)
    checkpoint_every: int = Field(500, ge=1)
    checkpoints_kept: int = Field(2, ge=1)
    seed: int = 0

    @model_validator(mode="after")
    def _complete(self) -> TrainingConfig:
        _all_tasks("training.ratios", self.ratios)
        _all_tasks("training.empty_prompt", self.empty_prompt)
        return self


class InferenceConfig(Strict):
    """Defaults of the pipeline: sampling steps and guidance scale by task."""

    steps: dict[str, int]
    guidance: ByTask

    @model_validator(mode="after")
    def _complete(self) -> InferenceConfig:
        _all_tasks("inference.steps", self.steps)
        _all_tasks("inference.guidance", self.guidance)
        return self


class EvaluationConfig(Strict):
    """The test protocol and its judges.

    Attributes:
        scenes: validation scenes that are judged (1000 in the paper).
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
        if self.training.colormap_median and not zero:
            raise ValueError("training.colormap_median needs rescale_betas_zero_snr: true")
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
    try:
        return Preset(name=path.stem, **values)
    except (ValidationError, TypeError) as error:
        raise ConfigError(f"{path}: {error}") from error
