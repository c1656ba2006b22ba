"""Open the samples for training: stored latents where present, else pixels encoded on the fly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from unigs.config.preset import Preset
from unigs.io.device import this_device
from unigs.io.distributed import rank_and_world
from unigs.latents.on_the_fly import PixelStore
from unigs.latents.stored import LatentStore
from unigs.latents.stream import MixedStream, SampleStore
from unigs.models.autoencoder import load_autoencoder
from unigs.models.text import load_text_encoder
from unigs.shards.manifest import read_manifest

VALIDATION_BATCH = 64
# Of one task: its folder, or its folder of each data set.
SampleFolders = Path | Mapping[str, Path]


@dataclass(frozen=True)
class Encoders:
    """The folders of the frozen models that encode samples, which are loaded when first needed,
    the steps by which they refine the latents of colormaps, whether latents are drawn from the
    autoencoder's posterior, and the device that trains, None for that of the process."""

    autoencoder: Path
    text_encoder: Path
    refine_steps: int
    posterior: bool = False
    device: str | None = None

    def __reduce__(self) -> tuple[type[Encoders], tuple[Any, ...]]:
        # each training process loads its own
        return Encoders, tuple(getattr(self, field.name) for field in fields(self))

    @cached_property
    def loaded(self) -> tuple[Any, Any, Any]:
        """Autoencoder, text encoder and tokenizer, on the device that trains."""
        device = this_device(self.device)
        tokenizer, text_encoder = load_text_encoder(self.text_encoder)
        autoencoder = load_autoencoder(self.autoencoder)
        return autoencoder.to(device), text_encoder.to(device), tokenizer


def open_stores(
    folders: Mapping[str, SampleFolders], encoders: Encoders
) -> dict[str, SampleStore | Mapping[str, SampleStore]]:
    """Task -> store, or task -> {data set: store}, as `folders` is nested.

    A folder of latents is read as it is, one of pixel shards is encoded when a batch asks for it.
    Raises DataError for a folder that is neither.
    """
    return {
        task: _open(held, encoders)
        if isinstance(held, Path)
        else {name: _open(folder, encoders) for name, folder in held.items()}
        for task, held in folders.items()
    }


def _open(folder: Path, encoders: Encoders) -> SampleStore:
    if "latent" in read_manifest(folder).configuration:
        return LatentStore(folder)
    return PixelStore(folder, *encoders.loaded, encoders.refine_steps, encoders.posterior)


def training_stream(
    preset: Preset, folders: Mapping[str, SampleFolders], encoders: Encoders
) -> MixedStream:
    """Return the batches over the samples of some tasks, mixed by the preset's ratios and the
    weights of its data sets; in a group of processes, this one's share of them."""
    training = preset.training
    stores = open_stores(folders, encoders)
    ratios = {task: training.ratios[task] for task in stores}
    rank, world = rank_and_world()
    return MixedStream(
        stores, ratios, training.batch_size, training.seed, rank, world, preset.data.weights
    )


def validation_stream(
    preset: Preset, folders: Mapping[str, SampleFolders], encoders: Encoders
) -> MixedStream:
    """Return an even mix of held-out samples."""
    stores = open_stores(folders, encoders)
    even = dict.fromkeys(stores, 1.0)
    return MixedStream(stores, even, VALIDATION_BATCH, seed=preset.training.seed)
