"""The plan of a run: what it will make, how much it takes and how long."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch

from unigs.config.preset import Preset
from unigs.errors import ConfigError, DataError
from unigs.io.machine import machine
from unigs.latents.stream import MixedStream
from unigs.remote.copy import fullest_copy
from unigs.tasks import TASKS
from unigs.training.schedule import training_steps
from unigs.workflows.plan.activations import Device
from unigs.workflows.plan.architecture import Architecture, plan_architecture
from unigs.workflows.plan.folders import FolderPlan, plan_folder
from unigs.workflows.plan.memory import ProcessMemory, process_memory
from unigs.workflows.plan.network import Network, measure_network
from unigs.workflows.plan.survey import Survey, survey
from unigs.workflows.sources import Source, evaluated, run_sources

# Dense bfloat16 products of an accelerator's data sheet, in FLOP/s, and the share of them that a
# training reaches: that of MLPerf Training 4.0's Stable Diffusion 2 on H100 (110 images/s at 16 a
# device, 2.4 TFLOP an image).
PEAKS = {"a100": 312e12, "h100": 989e12, "h200": 989e12, "l4": 121e12, "l40s": 362e12}
REACHED = 0.27


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will need.

    Attributes:
        folders: each folder of shards.
        parameters: of the UNet; `trainable` those that learn.
        steps: of the joint model, of `batch_size` samples over all `devices`.
        sample_flop: operations of one sample forward and backward.
        memory: of one process.
        checkpoint_bytes: on the disk, of all that are kept at a time.
        model_bytes: of the weights and the finished model.
        images_per_second: of one device; None without a rate. `hours` of training on all of them.
        assumed: a checkpoint that is not on this machine, taken for one of its family.
    """

    preset: str
    dataset: str
    devices: int
    folders: tuple[FolderPlan, ...]
    parameters: int
    trainable: int
    steps: int
    batch_size: int
    sample_flop: int
    memory: ProcessMemory
    checkpoint_bytes: int
    model_bytes: int
    images_per_second: float | None
    hours: float | None
    assumed: str | None

    @property
    def samples(self) -> int:
        return sum(folder.samples for folder in self.folders)

    @property
    def shards(self) -> int:
        return sum(folder.shards for folder in self.folders)

    @property
    def shard_bytes(self) -> int:
        return sum(folder.shard_bytes for folder in self.folders)

    @property
    def latent_bytes(self) -> int:
        """Of latents and of the embeddings of their prompts."""
        return sum(folder.latent_bytes + folder.text_bytes for folder in self.folders)

    @property
    def disk_bytes(self) -> int:
        """On the disk at the end."""
        made = sum(folder.bytes for folder in self.folders)
        return made + self.checkpoint_bytes + self.model_bytes

    @property
    def memory_bytes(self) -> int:
        """Of one process, on its device."""
        return self.memory.bytes

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        sums = {name: getattr(self, name) for name in _SUMS}
        return {**sums, **asdict(self)}


_SUMS = ("samples", "shards", "shard_bytes", "latent_bytes", "disk_bytes", "memory_bytes")


class Planner:
    """Plans runs on the same data and checkpoint, which are read once, with other settings of
    training and of what is written.

    Args:
        preset: of the run.
        dataset, root: as `unigs run` takes them.
        accelerator: train on one, whatever this machine has; None for what it has.
        store: has the copies of data sets that are in buckets.

    Raises:
        ConfigError: see `run_sources`. DataError: annotations that cannot be read.
    """

    def __init__(
        self,
        preset: Preset,
        dataset: str,
        root: str,
        accelerator: bool | None = None,
        store: Path = Path("store"),
    ) -> None:
        self.preset, self.dataset = preset, dataset
        sources = [_copied(source, store, preset) for source in run_sources(preset, dataset, root)]
        by_name = {source.dataset: source for source in sources}
        held_out = evaluated(preset, dataset)
        self._parts = [(s.dataset, "train", task) for s in sources for task in s.tasks]
        self._parts += [(held_out, "val", task) for task in TASKS]
        self._folders: dict[str, tuple[FolderPlan, ...]] = {}
        self._networks: dict[tuple[Any, ...], Network] = {}
        self._surveys: dict[tuple[str, str], Survey] = {}
        for name, split, _ in self._parts:
            if (name, split) not in self._surveys:
                tasks = [task for *batch, task in self._parts if batch == [name, split]]
                self._surveys[name, split] = survey(preset, by_name[name], split, tasks)
        names = [n for found in self._surveys.values() for n in found.class_names]
        self._names = tuple(dict.fromkeys(names))
        self.accelerator = torch.cuda.is_available() if accelerator is None else accelerator

    def plan(
        self, changes: Mapping[str, Any] | None = None, devices: int = 1, rate: str = ""
    ) -> Plan:
        """Return the plan of the preset with some changes of its sections data and training.

        Args:
            changes: e.g. ``{"training.accumulation": 4}``.
            devices: processes, each with a device of its own.
            rate: images per second of one device, or a name of `PEAKS`.

        Raises:
            ConfigError: devices that do not divide the batch, an unknown rate, or as
                `plan_architecture`.
        """
        preset = changed(self.preset, changes or {})
        training = preset.training
        share = training.batch_size / devices / training.accumulation
        if share != int(share):
            raise ConfigError(
                f"training.batch_size {training.batch_size}: does not divide among {devices} "
                f"devices in {training.accumulation} parts each"
            )
        _check_rate(rate)
        shapes = plan_architecture(preset, self._names)
        folders = self._planned(preset, shapes)
        low = self._low_precision(training.precision)
        network = self._measured(preset, shapes, low)
        beside = 0 if self.accelerator else shapes.autoencoder
        steps = training_steps(training, _stream(preset, folders, shapes, devices))
        memory = process_memory(
            network, training, devices, steps, beside, low.itemsize, self.accelerator
        )
        speed = _images_per_second(rate, network) if rate else None
        return Plan(
            preset=preset.name,
            dataset=self.dataset,
            devices=devices,
            folders=folders,
            parameters=network.parameters,
            trainable=network.trainable,
            steps=steps,
            batch_size=training.batch_size,
            sample_flop=network.sample,
            memory=memory,
            # one more than are kept, while it is written
            checkpoint_bytes=(training.checkpoints_kept + 1) * memory.copy,
            model_bytes=2 * 4 * network.parameters + 2 * 4 * shapes.autoencoder,
            images_per_second=speed,
            hours=steps * training.batch_size / (speed * devices) / 3600 if speed else None,
            assumed=shapes.assumed,
        )

    def _planned(self, preset: Preset, shapes: Architecture) -> tuple[FolderPlan, ...]:
        asked = str(preset.data)
        if asked not in self._folders:
            self._folders[asked] = tuple(
                plan_folder(
                    preset, self._surveys[part[:2]], part, shapes.latent_shape, shapes.text_shape
                )
                for part in self._parts
            )
        return self._folders[asked]

    def _measured(self, preset: Preset, shapes: Architecture, low: torch.dtype) -> Network:
        training = preset.training
        asked = (training.gradient_checkpointing, training.optimizer, training.lora_rank, low)
        if asked not in self._networks:
            device = Device(low, self.accelerator, self.accelerator or machine().fused_attention)
            self._networks[asked] = measure_network(
                shapes.unet, training, shapes.latent_shape, shapes.text_shape, device
            )
        return self._networks[asked]

    def _low_precision(self, precision: str) -> torch.dtype:
        if precision == "auto":
            return torch.bfloat16 if self.accelerator else machine().low_precision
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def _copied(source: Source, store: Path, preset: Preset) -> Source:
    if not isinstance(source.root, str):
        return source
    # what is copied for a run of another preset is what this one would begin with
    copy = fullest_copy(store, source.root, f"{source.dataset}-{preset.name}")
    if copy is None:
        raise DataError(
            "a plan reads the annotations, and they are not copied yet",
            file=source.root,
            hint="unigs run --job data_only copies them, or give --root a folder",
        )
    return replace(source, root=copy)


def changed(preset: Preset, changes: Mapping[str, Any]) -> Preset:
    """Return the preset with other values of some settings, e.g. ``{"data.latents": False}``."""
    for dotted, value in changes.items():
        section, name = dotted.split(".")
        held = getattr(preset, section)
        preset = preset.model_copy(update={section: held.model_copy(update={name: value})})
    return preset


class _Counted:
    """So many samples of a shape, for a stream that only counts."""

    def __init__(self, samples: int, shapes: Architecture) -> None:
        self._samples = samples
        self.latent_shape, self.text_shape = shapes.latent_shape, shapes.text_shape

    def __len__(self) -> int:
        return self._samples


def _stream(
    preset: Preset, folders: Sequence[FolderPlan], shapes: Architecture, devices: int
) -> MixedStream:
    """Return the stream of training, as far as its lengths go."""
    held: dict[str, dict[str, Any]] = {task: {} for task in TASKS}
    for folder in folders:
        if folder.split == "train":
            held[folder.task][folder.dataset] = _Counted(folder.samples, shapes)
    several = len({folder.dataset for folder in folders if folder.split == "train"}) > 1
    stores = {task: own if several else next(iter(own.values())) for task, own in held.items()}
    return MixedStream(
        cast(Any, stores),
        {task: preset.training.ratios[task] for task in stores},
        preset.training.batch_size,
        preset.training.seed,
        0,
        devices,
        preset.data.weights,
    )


def _check_rate(rate: str) -> None:
    """ConfigError unless it is empty, a name of `PEAKS` or a positive number."""
    with suppress(ValueError):
        if not rate or rate in PEAKS or 0 < float(rate) < math.inf:
            return
    raise ConfigError(
        f"rate {rate!r}: unknown",
        hint=f"give images per second of one device, or one of {', '.join(PEAKS)}",
    )


def _images_per_second(rate: str, network: Network) -> float:
    return PEAKS[rate] * REACHED / network.sample if rate in PEAKS else float(rate)


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder; 0 where there is none."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
