"""Keys and prompts of a folder of samples, which training does not hold."""

from __future__ import annotations

from pathlib import Path

from unigs.shards.manifest import read_sample_table


class SampleTexts:
    """What a store reads from the table of its folder when it is asked for."""

    folder: Path

    @property
    def keys(self) -> list[str]:
        """The key of each sample, read from disk."""
        return self._column("key")

    @property
    def prompts(self) -> list[str]:
        """The prompt of each sample, read from disk."""
        return self._column("prompt")

    def _column(self, name: str) -> list[str]:
        return list(read_sample_table(self.folder, [name])[name].to_pylist())
