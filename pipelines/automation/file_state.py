"""What the sensor remembers of the files of a data set: one parquet file in the store."""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from unigs.io.files import replacing

# Contents of that many listings are remembered, so that a run that saw one of them is understood.
LISTINGS = 64
_KEY = b"unigs"


@dataclass(frozen=True, slots=True)
class Seen:
    """The state of the last look, without its files.

    Attributes:
        root: the folder, or address, that was looked at.
        listing: digest of names, sizes and times.
        at: when this listing was first seen, in seconds as `time.time` counts.
        contents: listing -> split -> digest of what the files of the split hold, the newest last.
    """

    root: str = ""
    listing: str = ""
    at: float = 0.0
    contents: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class Files:
    """The files of the last look: name -> (bytes, time in ns, digest of the content, of an object
    its version, or "")."""

    rows: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    def digest(self, name: str, look: tuple[int, int]) -> str:
        """Return the digest of a file that still has the size and time of its digest, else ""."""
        size, changed, digest = self.rows.get(name, (-1, -1, ""))
        return digest if (size, changed) == look else ""


def read_seen(file: Path) -> Seen:
    """Return the state without its files; an empty one where there is none, or a broken one."""
    import pyarrow.parquet as pq

    try:
        found: dict[str, Any] = json.loads((pq.read_schema(file).metadata or {})[_KEY])
        return Seen(**found)
    except (OSError, ValueError, KeyError, TypeError):
        return Seen()


def read_files(file: Path) -> Files:
    """Return the files of the state; none where it is lost or broken."""
    import pyarrow.parquet as pq

    try:
        columns = pq.read_table(file).to_pydict()
        names = [os.fsdecode(name) for name in columns["name"]]
        values = zip(columns["bytes"], columns["changed_ns"], columns["digest"], strict=True)
        return Files(dict(zip(names, values, strict=True)))
    except (OSError, ValueError, KeyError, TypeError):
        return Files()


def write_state(file: Path, seen: Seen, files: Files) -> None:
    """Replace the state, all of it or nothing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = files.rows.values()
    table = pa.table(
        {
            # names may hold bytes that are no text
            "name": pa.array([os.fsencode(name) for name in files.rows], pa.binary()),
            "bytes": pa.array([row[0] for row in rows], pa.int64()),
            "changed_ns": pa.array([row[1] for row in rows], pa.int64()),
            "digest": pa.array([row[2] for row in rows], pa.string()),
        }
    )
    kept = dict(list(seen.contents.items())[-LISTINGS:])
    said = asdict(replace(seen, contents=kept))
    with replacing(file) as partial:
        pq.write_table(table.replace_schema_metadata({_KEY: json.dumps(said)}), partial)
