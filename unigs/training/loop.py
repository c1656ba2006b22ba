"""One training loop for the single-task models and the joint model.

Everything random in a step is drawn from a generator seeded by (seed, step), and the batch is a
function of the step (`MixedStream`): a run that is killed and resumed takes the same steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from unigs.config.preset import DiffusionConfig, TrainingConfig
from unigs.errors import ConfigError, ModelError
from unigs.io.device import failures_named
from unigs.io.distributed import any_of, mean_of, rank_and_world
from unigs.io.machine import float32_products, machine
from unigs.io.process_memory import freed_memory_kept, peak_memory
from unigs.latents.ahead import Ahead
from unigs.latents.stream import MixedStream
from unigs.models.noise_schedule import build_scheduler
from unigs.training.batch_errors import Accumulation, task_losses
from unigs.training.best_weights import BestWeights
from unigs.training.checkpoint import CHECKPOINTS
from unigs.training.fsdp import leave_in, sharded
from unigs.training.lora import add_adapters, merge_adapters
from unigs.training.optimizer import AveragedWeights, build_optimizer, build_scaler
from unigs.training.schedule import TimeBudget, learning_rate, training_steps
from unigs.training.state import TrainingState
from unigs.training.step_draws import StepDraws, prepare_step
from unigs.training.validation import preview_picture, validation_losses

Log = Callable[[int, dict[str, float]], None]
Preview = Callable[[int, NDArray[np.uint8]], None]
LOG_EVERY = 20
# The logged loss is an average over about 50 steps: that of one depends on its timesteps.
SMOOTHING = 1 / 50
# Also logged: the first step warms up, the second gives the expected duration.
PROBE_STEPS = 2
FIRST_PREVIEW_SECONDS = 60.0
# Where it runs out for something else than a batch: weights, moments, averages.
LESS_MEMORY = "set training.lora_rank, or parallel fsdp on several devices"


class Interrupted(Exception):
    """The run was interrupted on request; its last step is in a checkpoint."""


@dataclass(frozen=True)
class TrainReport:
    """What a run did: `steps` in all, the last smoothed `loss`, `seconds` and `samples` of all
    processes, the steps it was `resumed_from` and whose weights it kept (0: none, the last)."""

    steps: int
    loss: float
    seconds: float
    samples: int
    resumed_from: int
    best_step: int = 0


def train(
    unet: UNet2DConditionModel,
    stream: MixedStream,
    training: TrainingConfig,
    diffusion: DiffusionConfig,
    out_dir: Path,
    *,
    validation: MixedStream | None = None,
    log: Log = lambda step, metrics: None,
    should_stop: Callable[[], bool] = lambda: False,
    on_preview: Preview | None = None,
    autoencoder: Any = None,
) -> TrainReport:
    """Train `unet` in place and leave its averaged (EMA) weights in it: the last, or with
    ``training.keep_best`` those of the best validation.

    In a group of processes (`unigs.io.distributed`) each computes its share of every batch and the
    gradients are averaged; process 0 validates, logs, saves and decides when to stop. With
    ``training.parallel`` fsdp each holds a share of the weights and all of them validate.

    Args:
        unet: 3C+1 channels in, 2C out.
        stream: batches of latents.
        out_dir: ``checkpoints/`` are written here; training resumes from the newest complete one.
        validation: held-out latents; their loss by task and noise level is logged.
        log: called with the step and metrics after the second step, whose speed gives the
            expected duration, every 20 steps and at each validation.
        should_stop: asked after each step; True saves a checkpoint and raises `Interrupted`.
        on_preview: called with the step and a picture (`preview_picture`) of held-out samples, else
            of training samples: after a minute, whenever the time has doubled since, and at the
            end. Needs `autoencoder`; not for ``parallel: fsdp``.
        autoencoder: of the latents, frozen; previews need it.

    Raises:
        ModelError: the loss is not finite; the batch is saved next to the checkpoints. Or memory
            runs out with one sample at a time; before that, a batch is taken in smaller parts.
        DeviceError: the device fails.
        Interrupted: `should_stop` said so.
    """
    with failures_named("resume, from the last checkpoint, in a new process", LESS_MEMORY):
        run = _Run(unet, stream, training, diffusion, Path(out_dir), autoencoder)
        with (
            float32_products(training.precision, run.device),
            freed_memory_kept(),
            run.state,
            run.ahead,
        ):
            return run.go(validation, log, should_stop, on_preview)


class _Run:
    def __init__(
        self,
        unet: UNet2DConditionModel,
        stream: MixedStream,
        training: TrainingConfig,
        diffusion: DiffusionConfig,
        out_dir: Path,
        autoencoder: Any,
    ) -> None:
        self.unet, self.stream = unet, stream
        self.training, self.diffusion, self.out_dir = training, diffusion, out_dir
        self.scheduler: DDIMScheduler = build_scheduler(diffusion)
        self.steps = training_steps(training, stream)
        if self.steps < 1:
            raise ConfigError(f"training.steps {self.steps}: give at least one")
        self.device = next(unet.parameters()).device
        self.autoencoder = autoencoder
        if training.lora_rank is not None:
            add_adapters(unet, training.lora_rank, training.seed)
        self.rank, self.world = rank_and_world()
        self.given, self.sharded = unet, training.parallel == "fsdp" and self.world > 1
        if self.sharded:
            unet = self.unet = sharded(unet)
        elif machine(self.device).weight_format != torch.contiguous_format:
            unet.to(memory_format=machine(self.device).weight_format)  # type: ignore[call-overload]
        self.parameters = [p for p in unet.parameters() if p.requires_grad]
        self.optimizer = build_optimizer(self.parameters, training)
        self.scaler = build_scaler(training, self.device)
        # Shards have no kernel that copies many tensors at once.
        self.ema = AveragedWeights(
            self.parameters, decay=training.ema_decay, foreach=not self.sharded
        )
        self.best = BestWeights(training)
        self.budget = TimeBudget(training.hours, out_dir)
        self.state = TrainingState(
            out_dir / CHECKPOINTS, unet, self.ema, self.optimizer, self.scaler, self.best
        )
        if not machine(self.device).fused_attention:
            unet.set_attn_processor(AttnProcessor())
        if training.gradient_checkpointing:
            unet.enable_gradient_checkpointing()
        if (self.rank, self.world) != (stream.rank, stream.world):
            mine, streams = (f"{self.rank} of {self.world}", f"{stream.rank} of {stream.world}")
            raise ConfigError(f"process {mine} got the stream of {streams}")
        share = stream.batch_size // stream.world
        if share % training.accumulation:
            raise ConfigError(
                f"training.accumulation {training.accumulation}: does not divide the {share} "
                "samples of a process"
            )
        self.model: nn.Module = unet
        if training.compile:
            self.model = cast(nn.Module, torch.compile(unet))
        if self.world > 1 and not self.sharded:
            self.model = DistributedDataParallel(self.model)
        self.accumulation = Accumulation(
            self.model, self.scheduler, training, self.device, self.scaler, training.accumulation
        )
        self.ahead = Ahead(self._prepare, self.steps, self.device)

    def go(
        self,
        validation: MixedStream | None,
        log: Log,
        should_stop: Callable[[], bool],
        on_preview: Preview | None,
    ) -> TrainReport:
        first, smoothed = self.state.resume()
        self.steps = self.budget.begin(self.steps)
        self.unet.train()
        started, done = time.monotonic(), first
        next_preview = FIRST_PREVIEW_SECONDS
        while (step := done) < self.steps:
            if self.training.patience is not None and any_of(self.best.exhausted):
                break
            began = time.monotonic()
            errors, task = self._step(step)
            loss = float(errors.mean())
            smoothed = loss if math.isnan(smoothed) else smoothed + SMOOTHING * (loss - smoothed)
            done = step + 1
            self.steps = self.budget.after(done, self.steps)
            now = time.monotonic()
            probe = done - first == PROBE_STEPS
            if probe or done % LOG_EVERY == 0 or done == self.steps:
                rate = 1 / (now - began) if probe else (done - first) / (now - started)
                smoothed = mean_of(smoothed)
                log(done, self._metrics(errors, task, smoothed, step, rate))
            validate = done % self.training.validate_every == 0 or done == self.steps
            if validate and validation is not None and (self.rank == 0 or self.sharded):
                log(done, self._validate(done, validation))
            if on_preview and (done == self.steps or now - started > next_preview):
                next_preview = 2 * (now - started)
                self._preview(done, validation or self.stream, on_preview)
            stop = any_of(should_stop())
            if stop or done % self.training.checkpoint_every == 0 or done == self.steps:
                smoothed = mean_of(smoothed)
                self.state.save(done, smoothed, self.training)
            if stop and done < self.steps:
                raise Interrupted(f"stopped after step {done} of {self.steps}")
        if not self.best.copy_to(self.parameters):
            self.ema.copy_to(self.parameters)
        if self.training.lora_rank is not None:
            merge_adapters(self.unet)
        if self.sharded:
            leave_in(self.given, self.unet)
        self.given.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        samples, seconds = (done - first) * self.stream.batch_size, time.monotonic() - started
        return TrainReport(done, mean_of(smoothed), seconds, samples, first, self.best.step)

    def _prepare(self, step: int) -> tuple[dict[str, Tensor], StepDraws]:
        count = self.scheduler.config["num_train_timesteps"]
        return prepare_step(self.stream, self.training, self.diffusion, count, step, self.device)

    def _step(self, step: int) -> tuple[Tensor, Tensor]:
        batch, drawn = self.ahead(step)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.training, step, self.steps)
        self.optimizer.zero_grad(set_to_none=True)
        found = self.accumulation.gradient(batch, drawn)
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.parameters, self.training.clip_norm, foreach=True)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.ema.step(self.parameters)
        # Here alone the step waits for the device; what is not finite never reaches a checkpoint.
        errors = found.cpu()
        if not torch.isfinite(errors).all():
            file = self.out_dir / f"not-finite-{step:08d}.safetensors"
            file.parent.mkdir(parents=True, exist_ok=True)
            save_file({name: value.contiguous() for name, value in batch.items()}, file)
            raise ModelError(f"step {step}: loss is {errors.mean()}; its batch is in {file}")
        return errors, batch["task"]

    def _metrics(
        self, errors: Tensor, task: Tensor, smoothed: float, step: int, rate: float
    ) -> dict[str, float]:
        return {
            "loss": smoothed,
            "learning_rate": learning_rate(self.training, step, self.steps),
            "samples_per_second": rate * self.stream.batch_size,
            "loader_share": self.ahead.share,
            "peak_memory_bytes": float(peak_memory(self.device)),
            "remaining_seconds": (self.steps - step - 1) / rate,
            **self.budget.metrics(self.steps),
            **task_losses(errors, task, self.stream.stores),
        }

    def _validate(self, step: int, validation: MixedStream) -> dict[str, float]:
        how = self.scheduler, self.training, self.diffusion
        with self._averaged():
            losses = validation_losses(self.unet, *how, validation)
        return losses | self.best.observe(step, losses["validation_loss"], self.ema.shadow_params)

    def _preview(self, step: int, shown: MixedStream, on_preview: Preview) -> None:
        if self.rank > 0 or self.sharded or self.autoencoder is None:
            return
        how = self.scheduler, self.diffusion
        with self._averaged():
            batch = self.ahead.aside(lambda: shown.batch(0))
            picture = preview_picture(self.unet, *how, batch, self.autoencoder)
        on_preview(step, picture)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The averaged weights in the UNet, which is in evaluation mode, for the block."""
        self.unet.eval()
        self.ema.store(self.parameters)
        self.ema.copy_to(self.parameters)
        yield
        self.ema.restore(self.parameters)
        self.unet.train()
