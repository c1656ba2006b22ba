"""Latents as a run finds them on its disk: a mapped file, read and drawn anew by training's own
stream."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.accelerator_parts.bench import CHANNELS, Sizes
from unigs.latents.posterior import DRAWN, SUFFIX
from unigs.latents.stream import MixedStream
from unigs.tasks import TASKS

SAMPLES, PROMPTS = 256, 64
MASKS = ("coarse", "valid", "balance")


class MappedLatents:
    """Random samples of one task, float16 in one mapped file, with what `LatentStore` does for a
    batch: each array of each sample is found, read and widened by itself. Means and deviations are
    there, so that the stream draws."""

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        self.latent_shape = (CHANNELS, sizes.side, sizes.side)
        self.text_shape: tuple[int, int] = (sizes.tokens, sizes.unet["cross_attention_dim"])
        latents = dict.fromkeys((*DRAWN, *(part + SUFFIX for part in DRAWN)), self.latent_shape)
        self._shapes = {**latents, **dict.fromkeys(MASKS, (1, sizes.side, sizes.side))}
        sample = sum(int(np.prod(shape)) for shape in self._shapes.values())
        self._samples = _mapped(folder / "samples.bin", (SAMPLES, sample))
        self._texts = _mapped(folder / "texts.bin", (PROMPTS, *self.text_shape))

    def __len__(self) -> int:
        return len(self._samples)

    def batch(self, indices: Sequence[int] | np.ndarray) -> dict[str, np.ndarray]:
        """As `LatentStore.batch`."""
        batch = {
            part: np.empty((len(indices), *shape), np.float32)
            for part, shape in self._shapes.items()
        }
        for row, index in enumerate(indices):
            place = 0
            for part, shape in self._shapes.items():
                end = place + int(np.prod(shape))
                batch[part][row].reshape(-1)[:] = self._samples[index, place:end]
                place = end
        texts = [np.array(self._texts[index % PROMPTS]) for index in indices]
        batch["text"] = np.stack(texts).astype(np.float32)
        return batch

    @property
    def empty_text(self) -> np.ndarray:
        """(L, D) float32."""
        return self._texts[0].astype(np.float32)


def latent_stream(folder: Path, sizes: Sizes, samples: int) -> MixedStream:
    """Return the joint model's batches of so many samples; their files are written to `folder`."""
    store = MappedLatents(folder, sizes)
    return MixedStream(dict.fromkeys(TASKS, store), batch_size=samples)


def _mapped(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    values = np.memmap(file, np.float16, "w+", shape=shape)
    generator = np.random.default_rng(0)
    for row in range(shape[0]):
        values[row] = generator.standard_normal(shape[1:], np.float32)
    return values
