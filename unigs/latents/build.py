"""Build latent shards: samples encoded once, for training.

A folder of latents follows a folder of pixel shards, shard by shard. Per sample it holds
``image.npy``, ``colormap.npy`` and, where it differs from both, ``control.npy``: (C, h, w)
float16, scaled as the autoencoder asks, and where asked for the deviations of the autoencoder's
posterior (``image_deviation.npy`` ...); ``coarse.npy``, ``valid.npy`` and ``balance.npy`` (see
`unigs.latents.entity_balance`): (1, h, w) float16;
``json``. The text embeddings are stored next to the shards, once per prompt.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from unigs.errors import ConfigError, DataError
from unigs.io.files import sha256_of
from unigs.io.spread import Spread
from unigs.latents.over_processes import write_all, write_elsewhere
from unigs.latents.prompts import PROMPTS, TEXT, TextTable, write_text_table
from unigs.latents.shard import LatentJob
from unigs.models.autoencoder import vae_scale_factor, weights_digest
from unigs.models.colormap_latents import REFINEMENT
from unigs.models.text import encode_prompts, max_tokens
from unigs.shards.folder import Description, build_folder, locked, manifest_before
from unigs.shards.manifest import (
    MEMBERS,
    ShardManifest,
    digest_of,
    read_manifest,
)
from unigs.tasks import TASKS

__all__ = ["build_latents"]

# Part of every shard's inputs: raise it when equal inputs give other bytes than before.
FORMAT = 3

LATENT_COLUMNS = pa.schema(
    [
        ("key", pa.string()),
        ("shard", pa.string()),
        ("scene", pa.string()),
        ("prompt", pa.string()),
        ("members", MEMBERS),
    ]
)


def build_latents(
    shard_dir: Path | str,
    out_dir: Path | str,
    autoencoder: Any,
    text_encoder: Any,
    tokenizer: Any,
    refine_steps: int = 0,
    progress: Callable[[int, int], None] | None = None,
    *,
    posterior: bool = False,
    processes: int = 1,
    spread: Spread | None = None,
) -> ShardManifest:
    """Encode a folder of pixel shards; latent shards whose inputs are unchanged are reused.

    The inputs of a shard are its pixel shard's SHA-256, the autoencoder's weight digest, the
    steps of refinement and whether deviations are kept; an embedding is taken over when the text
    encoder's and the tokenizer's digests are unchanged.

    Args:
        shard_dir: written by `build_shards`.
        out_dir: folder of the latents, made if missing.
        autoencoder: as `load_autoencoder` returns it, on the device that encodes.
        text_encoder: as `load_text_encoder` returns it.
        tokenizer: its tokenizer.
        refine_steps: by which the latents of colormaps are refined (`encode_colormaps`).
        progress: called with (shards done, shards to build).
        posterior: keep the deviations of the autoencoder's posterior beside its means, so that
            training draws anew (`unigs.latents.posterior`).
        processes: that encode shards where that is worth their start
            (`unigs.latents.over_processes`); the result does not depend on them.
        spread: encodes each shard as a job of a cluster, in place of `processes`; prompts are
            encoded here.

    Returns:
        The manifest: ``configuration`` holds the task, the digests of both models and the
        shapes ``latent`` [C, h, w] and ``text`` [P, L, D]; ``sources`` is the digest of the
        pixel shards.

    Raises:
        DataError: the pixel shards cannot be read, or the folder cannot be written.
        ConfigError: the autoencoder does not fit the size of the samples, or `out_dir` is
            `shard_dir`.
        ModelError: latents or embeddings leave the range of float16, or memory is too small.
    """
    source, folder = Path(shard_dir), Path(out_dir)
    if source.resolve() == folder.resolve():
        raise ConfigError("latents go into a folder of their own", file=folder)
    pixels = read_manifest(source)
    task = TASKS[pixels.task]
    size = int(pixels.configuration["options"]["size"])
    if size % vae_scale_factor(autoencoder):
        raise ConfigError(
            f"samples of {size} pixels do not divide by the autoencoder's "
            f"{vae_scale_factor(autoencoder)}",
            file=source,
        )
    digest = weights_digest(autoencoder)
    inputs = _inputs(pixels, digest, refine_steps, posterior)
    with locked(folder):
        before = manifest_before(folder)

        def write(names: list[str]) -> None:
            jobs = [
                LatentJob(source, folder, name, inputs[name], task.name, refine_steps, posterior)
                for name in names
            ]
            report = progress or (lambda done, total: None)
            if spread is None:
                write_all(jobs, autoencoder, processes, report)
            else:
                write_elsewhere(jobs, autoencoder, spread, report)

        def describe(records: list[dict[str, Any]]) -> Description:
            prompts = {row["prompt"] for record in records for row in record["rows"]}
            text, text_digest = _write_text(folder, before, prompts, text_encoder, tokenizer)
            return Description(
                {
                    "task": task.name,
                    "autoencoder": digest,
                    "refine_steps": refine_steps,
                    "posterior": posterior,
                    "text_encoder": text_digest,
                    "latent": records[0]["latent"],
                    "text": list(text),
                },
                sources=pixels.digest,
                scenes=pixels.scenes,
                removed=pixels.removed,
                files=(TEXT, PROMPTS),
            )

        return build_folder(folder, before, inputs, write, LATENT_COLUMNS, describe)


def latents_are_current(
    folder: Path,
    shard_dir: Path,
    autoencoder: Any,
    text_encoder: Any,
    tokenizer: Any,
    refine_steps: int = 0,
    posterior: bool = False,
) -> bool:
    """Return whether a folder holds the finished latents of these pixel shards by these models,
    refined in so many steps, with deviations or without, in the format of this version."""
    try:
        made = read_manifest(folder)
    except DataError:
        return False
    digest = weights_digest(autoencoder)
    inputs = _inputs(read_manifest(shard_dir), digest, refine_steps, posterior)
    return {shard.path: shard.inputs for shard in made.shards} == inputs and (
        made.configuration["text_encoder"] == _text_digest(text_encoder, tokenizer)
    )


def _inputs(
    pixels: ShardManifest, autoencoder: str, refine_steps: int, posterior: bool
) -> dict[str, str]:
    chosen: list[Any] = [REFINEMENT, refine_steps] if refine_steps else []
    chosen += ["posterior"] if posterior else []
    return {
        shard.path: digest_of([FORMAT, autoencoder, shard.sha256, *chosen])
        for shard in pixels.shards
    }


def _write_text(
    folder: Path, before: ShardManifest | None, prompts: set[str], encoder: Any, tokenizer: Any
) -> tuple[tuple[int, ...], str]:
    digest = _text_digest(encoder, tokenizer)
    known: dict[str, int] = {}
    if (
        before is not None
        and before.configuration["text_encoder"] == digest
        and _whole(before, folder)
    ):
        table = TextTable(folder)
        known = {prompt: row for row, prompt in enumerate(table.prompts())}
        if set(known) == prompts | {""}:
            return table.shape, digest

    def encode(wanted: list[str]) -> np.ndarray:
        new = [prompt for prompt in wanted if prompt not in known]
        fresh = iter(encode_prompts(tokenizer, encoder, new).cpu().numpy())
        return np.stack([table[known[p]] if p in known else next(fresh) for p in wanted])

    return write_text_table(folder, prompts, encode), digest


def _whole(before: ShardManifest, folder: Path) -> bool:
    """Return whether the text of an earlier build still has its bytes."""
    return all(before.files.get(name) == sha256_of(folder / name) for name in (TEXT, PROMPTS))


def _text_digest(encoder: Any, tokenizer: Any) -> str:
    vocabulary = json.loads(tokenizer.backend_tokenizer.to_str())
    # These two say how the tokenizer was last called, not what it is.
    del vocabulary["padding"], vocabulary["truncation"]
    return digest_of([weights_digest(encoder), vocabulary, max_tokens(tokenizer, encoder)])
