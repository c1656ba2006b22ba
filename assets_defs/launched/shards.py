"""Shards and latents of one partition, from an order that is JSON.

The same functions run on this machine and as jobs of a cluster, where each shard is a task
(`resources.ray_cluster.tasks`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unigs.io.spread import Spread


def build_partition(order: Mapping[str, Any], spread: Spread | None) -> dict[str, int]:
    """Build the shards of one partition in ``folder``, with their contact sheet.

    Returns how many were ``built`` and ``cached``, and how many samples have an ``unread`` image.
    """
    from unigs.config.preset import Preset
    from unigs.index.scene_source import IndexedScenes
    from unigs.samples.split_options import sample_options
    from unigs.shards.build import build_shards
    from unigs.shards.contact_sheet import contact_sheet

    preset = Preset.model_validate(order["preset"])
    scenes = IndexedScenes(Path(order["index"]), Path(order["root"]))
    folder = Path(order["folder"])
    manifest = build_shards(
        scenes,
        order["task"],
        sample_options(preset, scenes.class_names, order["split"], order["exhaustive"]),
        folder,
        seed=preset.data.seed,
        variants=order["variants"],
        samples_per_shard=preset.data.samples_per_shard,
        image_format=preset.data.image_format,
        workers=order["workers"],
        spread=spread,
    )
    contact_sheet(folder, folder / order["sheet"])
    return {
        "built": len(manifest.built),
        "cached": len(manifest.cached),
        "unread": len(manifest.unread),
    }


def encode_partition(order: Mapping[str, Any], spread: Spread | None) -> None:
    """Encode the shards of one partition into ``folder``."""
    from unigs.config.preset import Preset
    from unigs.io.device import this_device
    from unigs.io.machine import encoding_processes
    from unigs.latents.build import build_latents
    from unigs.models.autoencoder import load_autoencoder
    from unigs.models.text import load_text_encoder

    preset = Preset.model_validate(order["preset"])
    device: Any = this_device()
    tokenizer, encoder = load_text_encoder(Path(order["text_encoder"]))
    build_latents(
        Path(order["shards"]),
        Path(order["folder"]),
        load_autoencoder(Path(order["autoencoder"])).to(device),
        encoder.to(device),
        tokenizer,
        preset.codec.refine_steps,
        posterior=preset.autoencoder.sample_posterior,
        processes=encoding_processes(device),
        spread=spread,
    )
