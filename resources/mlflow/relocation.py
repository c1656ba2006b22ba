"""Update MLflow's records after a store was renamed or copied.

MLflow notes the absolute address of every artifact folder, of runs, logged models and versions, and
offers no way to change one. In a store that was moved, runs would write to the old place and the
registry would look there; the pages would name the old place of every data set. The columns are
those of MLflow 3; others are left alone.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

# Column, and what is before the address in it: `Tracking` notes the source of a data set as JSON.
_COLUMNS = {
    "artifact_location": "",
    "artifact_uri": "",
    "storage_location": "",
    "source": "",
    "dataset_source": '{"uri": "',
}


def readdress(database: Path, old: str, new: str) -> None:
    """Let every address in ``database`` that lies in the folder ``old`` lie in ``new`` instead,
    all of them or none. Both are ``file://`` addresses without a slash at their end."""
    with closing(sqlite3.connect(database, timeout=60.0)) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            columns = connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
            for (column,) in columns.fetchall():
                if column not in _COLUMNS:
                    continue
                was, becomes = (f"{_COLUMNS[column]}{address}" for address in (old, new))
                connection.execute(
                    f'UPDATE "{table}" SET "{column}" = ? || substr("{column}", ?)'
                    f' WHERE "{column}" = ? OR substr("{column}", 1, ?) = ?',
                    (becomes, len(was) + 1, was, len(was) + 1, f"{was}/"),
                )
