"""Random access to a folder of latents: mapped tars and an index of where each array lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from unigs.errors import DataError
from unigs.latents.posterior import DRAWN, SUFFIX
from unigs.latents.prompts import PROMPTS, TEXT, TextTable
from unigs.latents.sample_texts import SampleTexts
from unigs.shards.manifest import (
    PLACES,
    SAMPLES,
    check_vouched,
    read_manifest,
    read_sample_batches,
)
from unigs.shards.maps import ShardMaps
from unigs.tasks import task_named

PARTS = ("image", "colormap", "control", "coarse", "valid", "balance")
DEVIATIONS = tuple(part + SUFFIX for part in DRAWN)
MASKS = ("coarse", "valid", "balance")


class LatentStore(SampleTexts):
    """The samples of one task as the UNet reads them.

    A shard is read, and compared with its digest, when it is first asked for; what was read stays
    in the page cache, which all processes of a machine share. The process itself holds 20 bytes a
    sample.

    Attributes:
        task: name of the task.
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
        self._text = TextTable(folder)
        self.text_shape: tuple[int, int] = (self._text.shape[1], self._text.shape[2])
        self._read_index()

    def _read_index(self) -> None:
        """Per sample: number of its shard, row of its prompt, where its first array begins, and
        which of a few layouts its arrays lie in from there."""
        prompts = {prompt: row for row, prompt in enumerate(self._text.prompts())}
        shards: dict[str, int] = {}
        layouts: dict[tuple[int, ...], int] = {}
        columns: list[tuple[np.ndarray, ...]] = []
        for rows in read_sample_batches(self.folder, ["shard", "prompt", *PLACES]):
            offsets = self._offsets(rows)
            first = offsets.min(axis=1, where=offsets >= 0, initial=np.iinfo(np.int64).max)
            relative = np.where(offsets < 0, -1, offsets - first[:, None])
            kinds, kind = np.unique(relative, axis=0, return_inverse=True)
            known = [layouts.setdefault(tuple(row), len(layouts)) for row in kinds.tolist()]
            columns.append(
                (
                    _numbered(rows["shard"], lambda name: shards.setdefault(name, len(shards))),
                    _numbered(rows["prompt"], prompts.__getitem__),
                    first,
                    np.array(known, np.int32)[kind.reshape(-1)],
                )
            )
        self._shard, self._prompt, self._first, self._layout = (
            np.concatenate(parts) for parts in zip(*columns, strict=True)
        )
        self._shards = list(shards)
        self._layouts = np.array(list(layouts), np.int64)
        held = np.all(self._layouts >= 0, axis=0).tolist()
        names = (*PARTS, *DEVIATIONS)
        self._parts = {name: column for column, name in enumerate(names) if held[column]}

    def _offsets(self, rows: pa.RecordBatch) -> np.ndarray:
        """Return (n, 9) int64: where the values of each of PARTS and DEVIATIONS begin in their
        shard; -1 for a deviation that there is none of."""
        members = rows["members"]
        flat = members.flatten()
        sample = members.value_parent_indices().to_numpy()
        extension = flat.field("extension").to_numpy(zero_copy_only=False)
        end = flat.field("offset").to_numpy(zero_copy_only=False) + flat.field("size").to_numpy(
            zero_copy_only=False
        )
        names = (*PARTS, *DEVIATIONS)
        offsets = np.full((len(rows), len(names)), -1, dtype=np.int64)
        for column, part in enumerate(names):
            found = extension == f"{part}.npy"
            # An .npy file ends with its values, whatever the length of its header.
            offsets[sample[found], column] = end[found] - 2 * self._count(part)
        known = "colormap" if task_named(self.task).control == "colormap" else "image"
        for suffix in ("", SUFFIX):
            control, repeated = names.index(f"control{suffix}"), names.index(f"{known}{suffix}")
            missing = offsets[:, control] < 0
            offsets[missing, control] = offsets[missing, repeated]
        if (offsets[:, : len(PARTS)] < 0).any():
            raise DataError("samples without latents", file=self.folder, hint="build again")
        return offsets

    def _shape(self, part: str) -> tuple[int, int, int]:
        channels, height, width = self.latent_shape
        return (1 if part in MASKS else channels, height, width)

    def _count(self, part: str) -> int:
        return int(np.prod(self._shape(part)))

    def __len__(self) -> int:
        return len(self._shard)

    def batch(self, indices: Sequence[int] | np.ndarray) -> dict[str, np.ndarray]:
        """Some samples stacked, float32: `image`, `colormap`, `control` (n, C, h, w), `coarse`,
        `valid`, `balance` (n, 1, h, w), `text` (n, L, D); where the folder has them also
        `image_deviation`, `colormap_deviation` and `control_deviation` (n, C, h, w)."""
        indices = np.asarray(indices)
        batch = {
            part: np.empty((len(indices), *self._shape(part)), dtype=np.float32)
            for part in self._parts
        }
        for row, index in enumerate(indices):
            data = self._maps[self._shards[self._shard[index]]]
            places = int(self._first[index]) + self._layouts[self._layout[index]]
            for part, column in self._parts.items():
                values = np.frombuffer(data, np.float16, self._count(part), int(places[column]))
                batch[part][row].reshape(-1)[:] = values
        text = [self._text[row] for row in self._prompt[indices]]
        batch["text"] = np.stack(text).astype(np.float32)
        return batch

    @property
    def empty_text(self) -> np.ndarray:
        """(L, D) float32: the embedding of the empty prompt."""
        return self._text[0].astype(np.float32)


def _numbered(column: pa.Array, number: Callable[[str], int]) -> np.ndarray:
    """Return (n,) int32: the number of each text."""
    coded = column.dictionary_encode()
    numbers = np.array([number(text) for text in coded.dictionary.to_pylist()], np.int32)
    return np.asarray(numbers[coded.indices.to_numpy()])
