"""How a model is trained: the `training` section of a preset."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from unigs.config.strict import Strict
from unigs.tasks import TASKS

ByTask = dict[str, float]


def all_tasks(name: str, values: dict[str, Any]) -> None:
    """ValueError unless `values` has one for each task."""
    if set(values) != set(TASKS):
        raise ValueError(f"{name} names {sorted(values)}; give a value for each of {list(TASKS)}")


class TrainingConfig(Strict):
    """One training loop for single tasks and the joint model.

    Attributes:
        ratios: by task, its share of the draws of the joint model (0.3/0.3/0.2/0.2).
        steps: optimiser steps; null means `epochs` over the largest task stream
            (`single_task_epochs` where one task is trained).
        hours: wall time after which the training should end, null for none: as soon as the rate is
            known, `steps` become as many as fit, and never more than they were.
        epochs: over the largest task stream, where `steps` is null.
        single_task_epochs: the same where one task is trained.
        batch_size: samples per optimiser step over all processes.
        accumulation: equal parts in which a process takes its share of a batch, one after the
            other, for less memory; the gradient is that of the whole batch. A single process that
            runs out of memory takes more parts by itself.
        processes: on this machine, as far as it has a core or an accelerator for each; each takes
            its share of every batch and of the cores. Under torchrun the number of its processes
            counts.
        parallel: what the processes share: `ddp` the batch alone, `fsdp` weights, moments and
            averages as well (`unigs.training.fsdp`), which `muon`, `lora_rank` and `compile`
            cannot.
        optimizer: `muon` learns from scratch in fewer steps (`unigs.training.muon`).
        learning_rate, warmup_steps, final_rate: linear warm-up, then a cosine from
            `learning_rate` to `final_rate` times it.
        weight_decay: decoupled from the gradient.
        betas: of AdamW's moments, also for what Muon leaves to it.
        clip_norm: largest norm of the gradient.
        ema_decay: of the averaged weights, which become the model.
        empty_prompt: by task, the probability that the prompt is dropped.
        known_half_weight: loss weight of the half that Table 2 marks as a repetition.
        colormap_weight: of the colormap half against the image half.
        colormap_loss: `charbonnier` (pseudo-Huber) for the colormap at the last timestep, where
            one step must predict: it gives sharper colormaps and needs zero terminal SNR;
            `squared` (Eq. 2) everywhere else.
        colormap_half: train both halves; false: the image half alone, without noised colormaps to
            look at, for comparison (the input columns and output rows of the colormap are zero).
        entity_balance: small entities weigh more in the colormap half, and in an image half that is
            new.
        lora_rank: train low-rank adapters of the attention, merged at the end, with the first and
            last convolution and the task embedding whole (extra `lora`); null trains everything.
        gradient_checkpointing: compute activations again in the backward pass: less memory, a third
            more operations.
        compile: compile the UNet with torch.compile.
        precision: `auto` takes bf16 where the processor has it in hardware; fp16 scales the loss;
            tf32 is fp32 whose products on CUDA are rounded to TF32, fp32 has exact ones.
        validate_every, checkpoint_every: in steps.
        checkpoints_kept: as many of the newest ones stay.
        seed: of order, noise and what else a step draws.
        validation_batches: batches of 64 held-out samples that a validation reads.
        keep_best: end with the averaged weights of the validation with the least loss
            (`unigs.training.validation.expected_loss`) instead of the last ones, where there are
            held-out samples; not for ``parallel: fsdp``.
        patience: validations without a lesser loss after which the training ends early; null for
            none. Needs `keep_best`.
    """

    ratios: ByTask = Field(
        default_factory=lambda: {name: task.ratio for name, task in TASKS.items()}
    )
    steps: int | None = None
    hours: float | None = Field(None, gt=0)
    epochs: float = 96
    single_task_epochs: float = 48
    batch_size: int = Field(32, ge=1)
    accumulation: int = Field(1, ge=1)
    processes: int = Field(1, ge=1)
    parallel: Literal["ddp", "fsdp"] = "ddp"
    optimizer: Literal["adamw", "muon"] = "adamw"
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
    colormap_loss: Literal["squared", "charbonnier"] = "squared"
    colormap_half: bool = True
    entity_balance: bool = False
    lora_rank: int | None = Field(None, ge=1)
    compile: bool = False
    precision: Literal["auto", "fp32", "tf32", "bf16", "fp16"] = "auto"
    gradient_checkpointing: bool = False
    validate_every: int = Field(500, ge=1)
    checkpoint_every: int = Field(500, ge=1)
    checkpoints_kept: int = Field(2, ge=1)
    validation_batches: int = Field(1, ge=1)
    keep_best: bool = False
    patience: int | None = Field(None, ge=1)
    seed: int = 0

    @model_validator(mode="after")
    def _complete(self) -> TrainingConfig:
        all_tasks("training.ratios", self.ratios)
        all_tasks("training.empty_prompt", self.empty_prompt)
        return self

    @model_validator(mode="after")
    def _can_be_sharded(self) -> TrainingConfig:
        # Muon needs whole matrices; the others have not been seen working on shards.
        whole = {
            f"training.optimizer {self.optimizer}": self.optimizer != "adamw",
            "training.lora_rank": self.lora_rank is not None,
            "training.compile": self.compile,
            "training.keep_best": self.keep_best,
        }
        if self.parallel == "fsdp" and (found := [name for name, set_ in whole.items() if set_]):
            raise ValueError(
                f"training.parallel fsdp does not go with {', '.join(found)}: "
                "take adamw without them, or ddp"
            )
        return self

    @model_validator(mode="after")
    def _can_wait(self) -> TrainingConfig:
        if self.patience is not None and not self.keep_best:
            raise ValueError("training.patience needs keep_best: true")
        return self
