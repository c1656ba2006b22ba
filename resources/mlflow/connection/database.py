"""Tell that MLflow's database in a store is damaged, before MLflow opens it.

MLflow and SQLAlchemy answer a file that is cut short, or none of SQLite, with the trace of their
own calls.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from unigs.errors import DataError


def require_database(file: Path) -> None:
    """Raise DataError for a file of records that is damaged, or a folder in its place.

    None is fine, for MLflow makes one. One that is locked, or whose disk is away, is left to
    MLflow's own tries. Read are the first pages alone: a file that is cut short shows there.
    """
    if file.is_dir():
        raise DataError("is a folder, not MLflow's records", file=file, hint="move it away")
    if not file.exists():
        return
    try:
        address = f"{file.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        return
    except sqlite3.DatabaseError as error:
        raise DataError(
            f"MLflow's records are damaged: {error}",
            file=file,
            hint="restore the file from a back-up (unigs store import), or move it away; "
            "the next run begins a new one",
        ) from error
