"""Samples and bytes of a run's shards and latents, folder by folder."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unigs.config.preset import Preset
from unigs.index.scene_source import SceneHead
from unigs.samples.options import SampleOptions
from unigs.samples.split_options import sample_options
from unigs.shards.build import assign
from unigs.shards.tar import BLOCK
from unigs.tasks import TASKS
from unigs.workflows.plan.prompts import distinct_prompts
from unigs.workflows.plan.survey import Survey

# A tar ends with two empty blocks and is filled up to whole records of this many bytes.
TAR_RECORD = 20 * BLOCK
# Of an .npy file of a few dimensions.
NPY_HEADER = 128
# In the record of a shard: a file of a sample, and what else is said of a sample of latents besides
# its prompt.
_FILE = {"extension": "image.png", "offset": 10**6, "sha256": 64 * "0", "size": 10**4}
FILE_ROW = len(json.dumps(_FILE)) + 2
LATENT_ROW = 100
# samples.parquet has the rows of the records again: its bytes against theirs, 0.32 to 0.42 in
# folders of pixels and of latents.
PARQUET_SHARE = 0.36

# What follows is used where no picture can be read: means over 400 samples of 100 photographs of
# COCO at 64, 128, 256 and 512 pixels, by extension of the picture in bytes a pixel.
PHOTO_SIZES = (64, 128, 256, 512)
PHOTO_BYTES = {"jpg": (0.976, 0.746, 0.641, 0.551), "png": (2.066, 1.952, 1.876, 1.730)}
# Flat pictures grow with the side: bytes a pixel of it, of the colormap of a few entities or of
# all, and of each mask.
COLORMAP_BYTES, ENTITY_COLORMAP_BYTES, MASK_BYTES = 3.2, 7.7, 1.5
# The record of a sample: of itself and of each entity, of which a sample has two on average.
RECORD_BYTES, RECORD_ENTITY_BYTES, DRAWN_ENTITIES = 355, 175, 2
# The row of a sample without its files.
ROW_BYTES = 325


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """One folder of shards and its folder of latents.

    Attributes:
        scenes: that can be read.
        shard_bytes: of the tars of pixels, `latent_bytes` of those of latents; 0 where none are
            written, as `text_bytes`, the embeddings of its prompts.
        table_bytes: of what lies beside the tars.
        prompts: different ones.
        measured: samples were drawn for it; else from `PHOTO_BYTES` and the others.
    """

    dataset: str
    split: str
    task: str
    scenes: int
    samples: int
    shards: int
    shard_bytes: int
    latent_bytes: int
    text_bytes: int
    table_bytes: int
    prompts: int
    measured: bool

    @property
    def bytes(self) -> int:
        """On the disk, all together."""
        return self.shard_bytes + self.latent_bytes + self.text_bytes + self.table_bytes


def plan_folder(
    preset: Preset,
    found: Survey,
    part: tuple[str, str, str],
    latent_shape: tuple[int, int, int],
    text_shape: tuple[int, int],
) -> FolderPlan:
    """Return what the shards of one (data set, split, task) will hold."""
    dataset, split, task = part
    data = preset.data
    options = sample_options(preset, found.class_names, split, found.exhaustive)
    variants = data.variants if split == "train" else 1
    drawn = found.drawn[task]
    samples = round(found.scenes * variants * _share(found, task, options))
    shards = _shards(found, variants, data.samples_per_shard)
    sizes = _member_sizes(preset, found, task)
    prompts = distinct_prompts(found, task, options, samples)
    row = float(np.mean([sample.row for sample in drawn] or [ROW_BYTES]))
    table_bytes = samples * _table_bytes(row, len(sizes))
    latent_bytes = text_bytes = 0
    if data.latents:
        latent_sizes = _latent_sizes(preset, found, task, latent_shape)
        latent_bytes = _tars(samples, shards, latent_sizes)
        prompt = sum(len(prompt) for prompt in prompts) / max(len(prompts), 1)
        table_bytes += samples * _table_bytes(LATENT_ROW + prompt, len(latent_sizes))
        rows = len({*prompts, ""})
        text_bytes = rows * math.prod(text_shape) * 2 + sum(len(p) + 4 for p in prompts)
    return FolderPlan(
        dataset=dataset,
        split=split,
        task=task,
        scenes=found.scenes,
        samples=samples,
        shards=shards,
        shard_bytes=_tars(samples, shards, sizes),
        latent_bytes=latent_bytes,
        text_bytes=text_bytes,
        table_bytes=round(table_bytes),
        prompts=len(prompts),
        measured=bool(drawn),
    )


def _share(found: Survey, task: str, options: SampleOptions) -> float:
    """Return the share of scenes that give a sample."""
    known = [outline for outline in found.outlines if outline is not None]
    if len(known) < len(found.outlines) or found.usable == len(found.keys):
        return len(found.drawn[task]) / found.usable if found.usable else 1.0
    least = 0.0 if TASKS[task].entities == "all" else options.min_area
    gives = sum(
        any(share is None or share >= least for share in outline.shares) for outline in known
    )
    return gives / len(known)


def _shards(found: Survey, variants: int, samples_per_shard: int) -> int:
    wanted = -(-found.scenes * variants // samples_per_shard)
    if wanted not in found.shards:
        heads = (SceneHead(key, "") for key in found.keys)
        found.shards[wanted] = sum(bool(held) for held in assign(heads, wanted))
    return found.shards[wanted]


def _member_sizes(preset: Preset, found: Survey, task: str) -> Sequence[float]:
    """Return the mean bytes of a sample's files, whole blocks of a tar."""
    drawn = found.drawn[task]
    if not drawn:
        return [_whole(size) for size in _assumed(preset, found, task)]
    photo = f"image.{preset.data.image_format}"
    # Samples of larger files are larger: the mean of the probes is moved to that of all files.
    scale = 1.0
    if found.probed_bytes:
        scale = found.file_bytes / len(found.keys) / (found.probed_bytes / found.usable)
    return [
        float(np.mean([_whole(sample.sizes[name]) for sample in drawn]))
        * (scale if name == photo else 1.0)
        for name in drawn[0].sizes
    ]


def _assumed(preset: Preset, found: Survey, task: str) -> Sequence[float]:
    side = preset.data.size
    rates = PHOTO_BYTES[preset.data.image_format]
    photo = float(np.interp(math.log(side), np.log(PHOTO_SIZES), rates)) * side * side
    everything = TASKS[task].entities == "all"
    entities = found.entities if everything else DRAWN_ENTITIES
    return [
        photo,
        side * (ENTITY_COLORMAP_BYTES if everything else COLORMAP_BYTES),
        side * MASK_BYTES,
        side * MASK_BYTES,
        RECORD_BYTES + RECORD_ENTITY_BYTES * entities,
    ]


def _latent_sizes(
    preset: Preset, found: Survey, task: str, shape: tuple[int, int, int]
) -> Sequence[float]:
    """Return the bytes of a latent sample's files, whole blocks of a tar."""
    pictures = 3 if TASKS[task].control == "masked_image" else 2
    if preset.autoencoder.sample_posterior:
        # each has a deviation, but for refined colormaps
        pictures = 2 * pictures - (preset.codec.refine_steps > 0)
    plane = math.prod(shape[1:])
    # Facts of a sample: two keys, a digest and the prompt, in as many blocks as of the probes.
    facts = [_whole(2 * len(d.key) + len(d.prompt) + 160) for d in found.drawn[task]] or [BLOCK]
    return [
        *[_whole(NPY_HEADER + 2 * shape[0] * plane)] * pictures,
        *[_whole(NPY_HEADER + 2 * plane)] * 3,
        float(np.mean(facts)),
    ]


def _table_bytes(row: float, files: int) -> float:
    """Return the bytes of a sample in the record of its shard and in samples.parquet, of a row of
    that length without its files."""
    return (1 + PARQUET_SHARE) * (row + files * FILE_ROW)


def _whole(size: float) -> int:
    """Return the bytes of a file in a tar: its header and its content, each in whole blocks."""
    return BLOCK * -(-math.ceil(size) // BLOCK)


def _tars(samples: int, shards: int, members: Sequence[float]) -> int:
    content = samples * sum(BLOCK + size for size in members)
    each = content / max(shards, 1) + 2 * BLOCK
    # Half a record on average is filled up, less where all of a shard's samples are of one size.
    return round(shards * TAR_RECORD * math.ceil(each / TAR_RECORD)) if samples else 0
