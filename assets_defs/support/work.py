"""What a launcher runs for the assets of shards, latents and evaluations: from JSON to files.

The same functions run on this machine and as jobs of a cluster, where each shard, and each folder
that is evaluated, is a task (`resources.ray_cluster.tasks`).
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unigs.io.spread import Spread


def build_pixels(order: Mapping[str, Any], spread: Spread | None) -> dict[str, int]:
    """Build the shards of one partition in ``folder``, with their contact sheet.

    Returns how many were ``built`` and ``cached``.
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
    return {"built": len(manifest.built), "cached": len(manifest.cached)}


def encode_pixels(order: Mapping[str, Any], spread: Spread | None) -> None:
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


def evaluate_folders(order: Mapping[str, Any], spread: Spread | None) -> None:
    """Evaluate a model on some folders; the values of each are written where it says.

    Jobs that differ in nothing but the place of equal shards (a protocol often draws what the
    validation shards hold) are evaluated once, and the result copied.
    """
    first: dict[str, Mapping[str, Any]] = {}
    equal: list[tuple[Path, Path]] = []
    for job in order["jobs"]:
        known = first.setdefault(_evaluated(job), job)
        if known is not job:
            equal.append((Path(known["out_dir"]), Path(job["out_dir"])))
    if spread is None:
        for job in first.values():
            _evaluate(job, order["processes"])
    else:
        for _ in spread(_evaluate, list(first.values())):
            pass
    places = {Path(job["out_dir"]) for job in order["jobs"]}
    for source, target in equal:
        _copy(source, target, places)


def _evaluated(job: Mapping[str, Any]) -> str:
    """What the result of a job follows from."""
    from unigs.shards.manifest import read_manifest

    shards = read_manifest(Path(job["shards"])).digest
    return json.dumps({**job, "shards": shards, "out_dir": None}, sort_keys=True, default=str)


def _copy(source: Path, target: Path, places: set[Path]) -> None:
    """Copy a result without those of other jobs that lie in its folder."""
    others = {folder for place in places - {source} for folder in (place, *place.parents)}

    def left_out(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(folder) / name in others]

    shutil.copytree(source, target, ignore=left_out, dirs_exist_ok=True)


def _evaluate(job: Mapping[str, Any], processes: int = 1) -> None:
    from unigs.evaluation.run import EvaluationJob, run_evaluation

    folders = {name: Path(job[name]) for name in ("model", "shards", "out_dir", "features")}
    run_evaluation(EvaluationJob(**{**job, **folders}), processes)
