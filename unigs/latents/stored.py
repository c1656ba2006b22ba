"""Random access to a folder of latents: mapped tars and an index of where each array lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from unigs.errors import DataError
from unigs.latents.prompts import PROMPTS, TEXT, TextTable
from unigs.shards.manifest import SAMPLES, check_vouched, read_manifest, read_sample_table
from unigs.shards.maps import ShardMaps
from unigs.tasks import task_named

PARTS = ("image", "colormap", "control", "coarse", "valid", "balance")


class LatentStore:
    """The samples of one task as the UNet reads them.

    A shard is read, and compared with its digest, when it is first asked for; what was read stays
    in the page cache, which all processes of a machine share.

    Attributes:
        task: name of the task.
        keys: the key of each sample.
        digest: of the latent shards.
        latent_shape: (C, h, w).
        text_shape: (L, D).

    Raises DataError when the folder has no finished latents, when a table or the size of a shard
    does not match the manifest, and on first access to a shard with a checksum mismatch.
    """

    def __init__(self, folder: Path | str) -> None:
        folder = Path(folder)
        manifest = read_manifest(folder)
        self.folder = folder
        self.task = manifest.task
        self.digest = manifest.digest
        channels, height, width = manifest.configuration["latent"]
        self.latent_shape: tuple[int, int, int] = (channels, height, width)
        self._maps = ShardMaps(folder, manifest)
        for name in (SAMPLES, TEXT, PROMPTS):
            check_vouched(folder, name)
        table = read_sample_table(folder, ["key", "shard", "prompt", "members"])
        self.keys: list[str] = table["key"].to_pylist()
        self._shards: list[str] = table["shard"].to_pylist()
        self._offsets = self._index(table)
        self._text = TextTable(folder)
        self.text_shape: tuple[int, int] = (self._text.shape[1], self._text.shape[2])
        rows = {prompt: row for row, prompt in enumerate(self._text.prompts)}
        self.prompts: list[str] = table["prompt"].to_pylist()
        self._prompt = np.array([rows[prompt] for prompt in self.prompts])

    def _index(self, table: pa.Table) -> np.ndarray:
        """Return (n, 5) int64: where the values of each of PARTS begin in its shard."""
        members = table["members"].combine_chunks()
        flat = members.flatten()
        sample = members.value_parent_indices().to_numpy()
        extension = flat.field("extension").to_numpy(zero_copy_only=False)
        end = flat.field("offset").to_numpy(zero_copy_only=False) + flat.field("size").to_numpy(
            zero_copy_only=False
        )
        offsets = np.full((len(table), len(PARTS)), -1, dtype=np.int64)
        for column, part in enumerate(PARTS):
            rows = extension == f"{part}.npy"
            # An .npy file ends with its values, whatever the length of its header.
            offsets[sample[rows], column] = end[rows] - 2 * self._count(part)
        control = PARTS.index("control")
        known = "colormap" if task_named(self.task).control == "colormap" else "image"
        repeated = PARTS.index(known)
        missing = offsets[:, control] < 0
        offsets[missing, control] = offsets[missing, repeated]
        if (offsets < 0).any():
            raise DataError("samples without latents", file=self.folder, hint="build again")
        return offsets

    def _shape(self, part: str) -> tuple[int, int, int]:
        channels, height, width = self.latent_shape
        return (1 if part in ("coarse", "valid", "balance") else channels, height, width)

    def _count(self, part: str) -> int:
        return int(np.prod(self._shape(part)))

    def __len__(self) -> int:
        return len(self.keys)

    def batch(self, indices: Sequence[int] | np.ndarray) -> dict[str, np.ndarray]:
        """Some samples stacked, float32: `image`, `colormap`, `control` (n, C, h, w), `coarse`,
        `valid`, `balance` (n, 1, h, w), `text` (n, L, D)."""
        indices = np.asarray(indices)
        batch = {
            part: np.empty((len(indices), *self._shape(part)), dtype=np.float32) for part in PARTS
        }
        for row, index in enumerate(indices):
            data = self._maps[self._shards[index]]
            for column, part in enumerate(PARTS):
                values = np.frombuffer(
                    data, np.float16, self._count(part), int(self._offsets[index, column])
                )
                batch[part][row].reshape(-1)[:] = values
        text = [self._text[row] for row in self._prompt[indices]]
        batch["text"] = np.stack(text).astype(np.float32)
        return batch

    @property
    def empty_text(self) -> np.ndarray:
        """(L, D) float32: the embedding of the empty prompt."""
        return self._text[0].astype(np.float32)
