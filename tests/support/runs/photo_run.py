"""What a run of the photo preset leaves, in miniature and of generated scenes, for benchmarks."""

from pathlib import Path
from typing import Any

import numpy as np

from unigs.config.preset import Preset, load_preset
from unigs.datasets import open_dataset
from unigs.datasets.shapes.generate import write_shapes
from unigs.index.scene_source import IndexedScenes
from unigs.index.scenes_index import build_index
from unigs.latents.build import build_latents
from unigs.models.components import fresh_unet, make_text_encoder
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.models.text import save_text_encoder
from unigs.pipeline.assemble import assemble
from unigs.samples.split_options import sample_options
from unigs.shards.build import build_shards
from unigs.shards.read import read_samples
from unigs.tasks import TASKS

SIDE = 32


def small_preset(**changes: Any) -> Preset:
    """Return the preset at seconds of work."""
    values = {
        "autoencoder.source": None,
        "data.size": SIDE,
        "unet.architecture.block_out_channels": [16, 16, 16],
        "training.batch_size": 4,
        "training.steps": 4,
        "training.warmup_steps": 1,
        "training.validate_every": 2,
        "training.validation_batches": 1,
        "training.checkpoint_every": 2,
        "evaluation.scenes": 4,
    }
    return load_preset("photo", values | changes)


def write_run(folder: Path) -> Path:
    """Write index, samples of all tasks, latents, components and an untrained joint model below
    `folder`; return it."""
    preset, components = small_preset(), folder / "components"
    write_shapes(folder / "raw", train=6, val=4, size=SIDE)
    models: tuple[Any, ...] = ()
    for split in ("train", "val"):
        index = folder / "scenes" / split / "index.parquet"
        index.parent.mkdir(parents=True)
        build_index(open_dataset("shapes", folder / "raw", split), index)
        scenes = IndexedScenes(index)
        shards, latents = (folder / kind / split for kind in ("shards", "latents"))
        options = sample_options(preset, scenes.class_names, split)
        for task in TASKS:
            build_shards(scenes, task, options, shards / task)
        if not models:
            images = np.stack([sample.image for sample in read_samples(shards / "entity")])
            autoencoder = PatchAutoencoder.fit(images, 2, 4, 1.0)
            tokenizer, text_encoder = make_text_encoder(preset.text, scenes.class_names, 4)
            autoencoder.save_pretrained(components / "autoencoder")
            save_text_encoder(components / "text_encoder", tokenizer, text_encoder)
            models = autoencoder, text_encoder, tokenizer
        for task in TASKS:
            build_latents(shards / task, latents / task, *models)
    unet = fresh_unet(preset, autoencoder)
    pipeline = assemble(preset, unet, autoencoder, tokenizer, text_encoder, list(TASKS))
    pipeline.save_pretrained(folder / "models" / "joint" / "pipeline")
    return folder
