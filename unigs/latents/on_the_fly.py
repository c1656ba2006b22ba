"""Training without latents on disk: pixel shards are encoded when a batch needs them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from unigs.latents.encode import encode_samples
from unigs.latents.posterior import SUFFIX
from unigs.latents.prompts import EMPTY_PROMPT
from unigs.latents.sample_texts import SampleTexts
from unigs.models.autoencoder import latent_channels, vae_scale_factor
from unigs.models.text import encode_prompts
from unigs.samples.sample import Sample
from unigs.samples.serialization import decode_sample
from unigs.shards.manifest import (
    PLACES,
    SAMPLES,
    check_vouched,
    read_manifest,
    read_sample_batches,
)
from unigs.shards.maps import ShardMaps
from unigs.tasks import TASKS

# Embeddings cached for prompts that come again: 240 MB at most at the sizes of Stable Diffusion.
PROMPTS_KEPT = 1000


class PixelStore(SampleTexts):
    """The samples of a folder of pixel shards, with the interface and the values of LatentStore.

    Slower by the autoencoder's work on each batch, but new autoencoders need no rebuild. Shards are
    compared with their digests as `LatentStore`'s are.
    """

    def __init__(
        self,
        folder: Path | str,
        autoencoder: Any,
        text_encoder: Any,
        tokenizer: Any,
        refine_steps: int = 0,
        posterior: bool = False,
    ) -> None:
        self.folder = Path(folder)
        manifest = read_manifest(self.folder)
        self.task = manifest.task
        self.digest = manifest.digest
        self._autoencoder, self._text_encoder = autoencoder, text_encoder
        self._tokenizer = tokenizer
        self._refine_steps, self._posterior = refine_steps, posterior
        side = int(manifest.configuration["options"]["size"]) // vae_scale_factor(autoencoder)
        self.latent_shape: tuple[int, int, int] = (latent_channels(autoencoder), side, side)
        self._maps = ShardMaps(self.folder, manifest)
        check_vouched(self.folder, SAMPLES)
        coded = ("shard", PLACES[0])
        self._rows = pa.Table.from_batches(
            read_sample_batches(self.folder, ["shard", *PLACES], coded)
        )
        self._text = lru_cache(PROMPTS_KEPT)(self._encoded)
        self._empty_text = self._encoded(EMPTY_PROMPT)
        self.text_shape: tuple[int, int] = self.empty_text.shape

    def __len__(self) -> int:
        return len(self._rows)

    def sample(self, index: int) -> Sample:
        """Return the sample itself, decoded."""
        row = self._rows.slice(index, 1).to_pylist()[0]
        data = self._maps[row["shard"]]
        return decode_sample(
            {
                member["extension"]: data[member["offset"] :][: member["size"]].tobytes()
                for member in row["members"]
            }
        )

    def batch(self, indices: Sequence[int] | np.ndarray) -> dict[str, np.ndarray]:
        """As `LatentStore.batch`: the values pass through float16 here too; deviations come with
        them where `posterior` asks for them."""
        samples = [self.sample(int(index)) for index in indices]
        task = TASKS[self.task]
        arrays = encode_samples(
            samples, task, self._autoencoder, self._refine_steps, self._posterior
        )
        batch = {part: array.astype(np.float32) for part, array in arrays.items()}
        if task.control + SUFFIX in batch:
            batch["control" + SUFFIX] = batch[task.control + SUFFIX]
        batch["text"] = np.stack([self._text(sample.prompt) for sample in samples])
        return batch

    @property
    def empty_text(self) -> np.ndarray:
        """(L, D) float32: the embedding of the empty prompt."""
        return self._empty_text

    def _encoded(self, prompt: str) -> np.ndarray:
        state = encode_prompts(self._tokenizer, self._text_encoder, [prompt])[0].cpu().numpy()
        return state.astype(np.float16).astype(np.float32)
