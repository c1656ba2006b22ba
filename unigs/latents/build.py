"""Build latent shards: samples encoded once, for training.

A folder of latents follows a folder of pixel shards, shard by shard. Per sample it holds
``image.npy``, ``colormap.npy`` and, where it differs from both, ``control.npy``: (C, h, w)
float16, scaled as the autoencoder asks; ``coarse.npy``, ``valid.npy`` and ``balance.npy`` (see
`unigs.latents.entity_balance`): (1, h, w) float16;
``json``. The text embeddings are stored next to the shards, once per prompt.
"""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from unigs.errors import ConfigError, DataError
from unigs.io.files import sha256_of
from unigs.latents.encode import encode_samples
from unigs.latents.prompts import PROMPTS, TEXT, TextTable, write_text_table
from unigs.models.autoencoder import vae_scale_factor, weights_digest
from unigs.models.colormap_latents import REFINEMENT
from unigs.models.text import encode_prompts, max_tokens
from unigs.samples.sample import Sample
from unigs.shards.folder import Description, build_folder, locked, manifest_before
from unigs.shards.manifest import (
    MEMBERS,
    ShardManifest,
    ShardRecord,
    digest_of,
    read_manifest,
    write_record,
)
from unigs.shards.read import read_samples
from unigs.shards.tar import write_shard
from unigs.tasks import TASKS, Task

# Part of every shard's inputs: raise it when equal inputs give other bytes than before.
FORMAT = 2

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
    batch_size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> ShardManifest:
    """Encode a folder of pixel shards; latent shards whose inputs are unchanged are reused.

    The inputs of a shard are its pixel shard's SHA-256, the autoencoder's weight digest and the
    steps of refinement; an embedding is taken over when the text encoder's and the tokenizer's
    digests are unchanged.

    Args:
        shard_dir: written by `build_shards`.
        out_dir: folder of the latents, made if missing.
        autoencoder, text_encoder, tokenizer: components as `unigs.models` loads them.
        refine_steps: by which the latents of colormaps are refined (`encode_colormaps`).
        batch_size: images encoded at a time.
        progress: called with (shards done, shards to build).

    Returns:
        The manifest: ``configuration`` holds the task, the digests of both models and the
        shapes ``latent`` [C, h, w] and ``text`` [P, L, D]; ``sources`` is the digest of the
        pixel shards.

    Raises:
        DataError: the pixel shards cannot be read, or the folder cannot be written.
        ConfigError: the autoencoder does not fit the size of the samples.
        ModelError: latents or embeddings leave the range of float16.
    """
    source, folder = Path(shard_dir), Path(out_dir)
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
    encode = functools.partial(
        encode_samples,
        task=task,
        autoencoder=autoencoder,
        refine_steps=refine_steps,
        batch_size=batch_size,
    )
    inputs = _inputs(pixels, digest, refine_steps)
    with locked(folder):
        before = manifest_before(folder)

        def write(names: list[str]) -> None:
            for done, name in enumerate(names):
                if progress is not None:
                    progress(done, len(names))
                samples = list(read_samples(source, name))
                _write_latents(folder, name, inputs[name], samples, task, encode, batch_size)
            if progress is not None:
                progress(len(names), len(names))

        def describe(records: list[dict[str, Any]]) -> Description:
            prompts = {row["prompt"] for record in records for row in record["rows"]}
            text, text_digest = _write_text(folder, before, prompts, text_encoder, tokenizer)
            return Description(
                {
                    "task": task.name,
                    "autoencoder": digest,
                    "refine_steps": refine_steps,
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
) -> bool:
    """Return whether a folder holds the finished latents of these pixel shards by these models,
    refined in so many steps, in the format of this version."""
    try:
        made = read_manifest(folder)
    except DataError:
        return False
    inputs = _inputs(read_manifest(shard_dir), weights_digest(autoencoder), refine_steps)
    return {shard.path: shard.inputs for shard in made.shards} == inputs and (
        made.configuration["text_encoder"] == _text_digest(text_encoder, tokenizer)
    )


def _inputs(pixels: ShardManifest, autoencoder: str, refine_steps: int) -> dict[str, str]:
    refined = [REFINEMENT, refine_steps] if refine_steps else []
    return {
        shard.path: digest_of([FORMAT, autoencoder, shard.sha256, *refined])
        for shard in pixels.shards
    }


def _write_latents(
    folder: Path,
    name: str,
    inputs: str,
    samples: list[Sample],
    task: Task,
    encode: Callable[[Sequence[Sample]], dict[str, np.ndarray]],
    batch_size: int,
) -> None:
    rows: dict[str, dict[str, Any]] = {}
    shape: list[int] = []

    def encoded() -> Iterator[tuple[str, dict[str, bytes]]]:
        for start in range(0, len(samples), batch_size):
            chunk = samples[start : start + batch_size]
            arrays = encode(chunk)
            if task.control != "masked_image":
                del arrays["control"]
            shape[:] = arrays["image"].shape[1:]
            for index, sample in enumerate(chunk):
                files = {f"{part}.npy": npy_bytes(array[index]) for part, array in arrays.items()}
                facts = {
                    "key": sample.key,
                    "scene": sample.scene,
                    "task": sample.task,
                    "prompt": sample.prompt,
                    "source_digest": sample.source_digest,
                }
                files["json"] = json.dumps(facts, sort_keys=True).encode()
                rows[sample.key] = {
                    "key": sample.key,
                    "shard": name,
                    "scene": sample.scene,
                    "prompt": sample.prompt,
                }
                yield sample.key, dict(sorted(files.items()))

    file = write_shard(folder / name, encoded())
    for key, members in file.members_by_key().items():
        rows[key]["members"] = members
    record = ShardRecord(name, file.sha256, file.bytes, len(rows), inputs)
    content = {"shard": asdict(record), "rows": list(rows.values()), "latent": shape}
    write_record(folder, content | {"counts": {}, "skipped": []})


def npy_bytes(array: np.ndarray) -> bytes:
    """Return an array as the bytes of an .npy file."""
    return _npy_header(array.dtype.str, array.shape) + np.ascontiguousarray(array).tobytes()


@functools.cache
def _npy_header(dtype: str, shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    facts = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, facts)
    return buffer.getvalue()


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
        if set(table.prompts) == prompts | {""}:
            return table.shape, digest
        known = {prompt: row for row, prompt in enumerate(table.prompts)}

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
