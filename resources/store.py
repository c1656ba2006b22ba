"""The store: one folder for all output of the graph, or a local cache of a bucket."""

import os
import re
import tempfile
from pathlib import Path

import dagster as dg
from pydantic import Field

from unigs.errors import ConfigError

STORE_VARIABLE = "UNIGS_STORE"
BUCKET_VARIABLE = "UNIGS_BUCKET"
# What follows "?" is an option in the address of a sqlite file, and "%20" a blank.
_UNADDRESSABLE = re.compile(r"\?|%[0-9A-Fa-f]{2}")


def default_store() -> Path:
    """``$UNIGS_STORE``, else ``store`` in the working folder; absolute."""
    return Path(os.environ.get(STORE_VARIABLE) or "store").expanduser().resolve()


class Store(dg.ConfigurableResource):
    """The folder that holds data, shards, models, reports, and MLflow's and Dagster's records; a
    bucket may hold copies of finished shards, from which training fetches what is missing locally.
    """

    root: str = Field(default="", description="folder of all output; empty: $UNIGS_STORE, ./store")
    bucket: str = Field(
        default="",
        description="address of copies of the shards, s3://bucket/folder; empty: $UNIGS_BUCKET",
    )

    @property
    def base(self) -> Path:
        """Absolute path of the store; it may not exist yet."""
        return Path(self.root).expanduser().resolve() if self.root else default_store()

    def folder(self, *parts: str) -> Path:
        """Make the folder ``parts`` below the store and check that it is writable.

        A store that goes away while a run works in it, with the disk that it is on, is not begun
        anew.
        """
        home = os.environ.get("DAGSTER_HOME")
        if home and Path(home) == self.dagster_home and not self.dagster_home.is_dir():
            raise ConfigError(
                f"the store {self.base} is gone: it was there when this process began",
                hint="is its disk mounted?",
            )
        if found := _UNADDRESSABLE.search(str(self.base)):
            raise ConfigError(
                f"the store {self.base} cannot be used: addresses of databases take "
                f"{found.group()!r} in its path for something else",
                hint=f"name another with --store DIR or {STORE_VARIABLE}",
            )
        path = self.base.joinpath(*parts)
        try:
            path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError as error:
            raise ConfigError(
                f"the store {self.base} cannot be written ({path}: {error.strerror})",
                hint=f"see to its rights or space, or name another with --store DIR or "
                f"{STORE_VARIABLE}",
            ) from error
        return path

    @property
    def remote(self) -> str:
        """The bucket's address without a slash at its end; "" for none."""
        return (self.bucket or os.environ.get(BUCKET_VARIABLE, "")).rstrip("/")

    def address(self, folder: Path) -> str:
        """Return where a folder of the store has its copy in the bucket."""
        return f"{self.remote}/{folder.relative_to(self.base).as_posix()}"

    @property
    def dagster_home(self) -> Path:
        """Folder of Dagster's own records."""
        return self.base / "dagster"

    @property
    def tracking_uri(self) -> str:
        """Absolute sqlite address of the MLflow records."""
        return f"sqlite:///{self.database}"

    @property
    def database(self) -> Path:
        """The sqlite file of the MLflow records."""
        return self.base / "mlflow.db"
