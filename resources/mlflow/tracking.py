"""MLflow runs: parameters, metrics by step, shard digests as inputs, images, provenance tags."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import dagster as dg
from pydantic import Field

from resources.mlflow.connection.access import clear_errors, holds_secret, one_try, taken_later
from resources.mlflow.connection.database import require_database
from resources.mlflow.connection.spool import END, FOLDER, METRICS, Entry, Outbox, Spool, now
from resources.mlflow.relocation import readdress
from resources.store import Store
from unigs.errors import ConfigError, TransientError

if TYPE_CHECKING:
    from mlflow import MlflowClient

URI_VARIABLE = "UNIGS_TRACKING_URI"
# What the interface reads to list runs instead of traces; MLflow names it in no public constant.
_EXPERIMENT_KIND = {"mlflow.experimentKind": "custom_model_development"}
_ARTIFACTS = "mlartifacts"
_DATASET_DIGEST_LENGTH = 36
_PARAMETER_LENGTH = 6000


@dataclass(frozen=True, slots=True)
class DatasetInput:
    """A shard folder that a run read, the file of annotations or the scenes index behind it, or
    pretrained weights: ``digest`` is the full SHA-256 of its shard digests or of the content."""

    name: str
    digest: str
    context: str
    source: Path


class Tracking(dg.ConfigurableResource):
    """MLflow's records, in the store or on a server. Of a server that asks who one is, MLflow's
    client takes user name and password from the environment: MLFLOW_TRACKING_USERNAME and
    MLFLOW_TRACKING_PASSWORD."""

    store: dg.ResourceDependency[Store]
    uri: str = Field(
        default="",
        description=(
            "address of an MLflow server, without a password; empty: $UNIGS_TRACKING_URI, "
            "a sqlite file in the store"
        ),
    )
    experiment: str = Field(default="unigs", description="experiment that runs are listed in")

    @property
    def tracking_uri(self) -> str:
        """Absolute address of the records."""
        return self.uri or os.environ.get(URI_VARIABLE) or self.store.tracking_uri

    @property
    def on_server(self) -> bool:
        """Whether a server has records and artifacts, not the store."""
        return urlsplit(self.tracking_uri).scheme in ("http", "https")

    def has_records(self) -> bool:
        """Return whether there is something to ask: a server, or the store's file."""
        return self.tracking_uri != self.store.tracking_uri or self.store.database.is_file()

    def client(self) -> "MlflowClient":
        """Return a client of the records, the experiment made if need be; telemetry stays off.

        Raises:
            ConfigError: a password in the address, which would get into records and logs.
            DataError: the store's file of records is damaged.
        """
        if holds_secret(self.tracking_uri):
            raise ConfigError(
                "the address of MLflow holds a password or a token",
                hint="leave it out: MLFLOW_TRACKING_PASSWORD and MLFLOW_TRACKING_TOKEN are read",
            )
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        self.store.folder()
        if self.tracking_uri == self.store.tracking_uri:
            require_database(self.store.database)
        import mlflow

        mlflow.set_tracking_uri(self.tracking_uri)
        client = mlflow.MlflowClient(self.tracking_uri, self.tracking_uri)
        # a server has a place of its own
        artifacts = None if self.on_server else self.store.folder(_ARTIFACTS).as_uri()
        experiment = client.get_experiment_by_name(self.experiment)
        if experiment is None:
            client.create_experiment(
                self.experiment, artifact_location=artifacts, tags=dict(_EXPERIMENT_KIND)
            )
            return client
        own = self.tracking_uri == self.store.tracking_uri
        if own and artifacts is not None and experiment.artifact_location != artifacts:
            # of the whole store, where the addresses of data sets are in it too
            before, now_at = experiment.artifact_location, artifacts
            if before.endswith(f"/{_ARTIFACTS}"):
                before, now_at = (at.removesuffix(f"/{_ARTIFACTS}") for at in (before, now_at))
            readdress(self.store.database, before, now_at)
        for key, value in _EXPERIMENT_KIND.items():
            if key not in experiment.tags:
                client.set_experiment_tag(experiment.experiment_id, key, value)
        return client

    def check_access(self) -> None:
        """Ask a server once whether it takes user name and password; one that does not answer may
        do so when it is needed.

        Raises:
            AccessRefused: it does not take them.
        """
        if self.on_server:
            with suppress(TransientError), clear_errors(), one_try():
                self.client()

    def open_run(
        self,
        name: str,
        *,
        tags: Mapping[str, str],
        parameters: Mapping[str, Any],
        inputs: Sequence[DatasetInput] = (),
        model_id: str | None = None,
        resume: str | None = None,
        started: float | None = None,
    ) -> str:
        """Start a run and return its id; ``resume`` reopens that run with the new tags instead.

        What waits since MLflow did not answer is delivered first.

        ``model_id`` names the logged model that the run takes in; ``started`` is when it began, in
        seconds as `time.time` counts, None for now.
        """
        self.spool().deliver()
        client = self.client()
        if resume is not None:
            client.update_run(resume, status="RUNNING")
            for key, value in tags.items():
                client.set_tag(resume, key, value)
            return resume
        experiment = client.get_experiment_by_name(self.experiment)
        assert experiment is not None
        digests = {f"digest.{item.name}": item.digest for item in inputs}
        run = client.create_run(
            experiment.experiment_id,
            start_time=None if started is None else int(started * 1000),
            tags={**tags, **digests},
            run_name=name,
        )
        self._log_parameters(client, run.info.run_id, parameters)
        self._log_inputs(client, run.info.run_id, inputs, model_id)
        return run.info.run_id

    def named(self, run_id: str) -> dict[str, str]:
        """Return the entries by which the record of a build names a run."""
        experiment_id = self.client().get_run(run_id).info.experiment_id
        return {"mlflow_run_id": run_id, "mlflow_experiment_id": experiment_id}

    @contextmanager
    def run(self, name: str, **options: Any) -> Iterator[str]:
        """:meth:`open_run` that ends FINISHED, or FAILED when its body raises."""
        run_id = self.open_run(name, **options)
        try:
            yield run_id
        except BaseException:
            self.end_run(run_id, "FAILED")
            raise
        self.end_run(run_id, "FINISHED")

    def end_run(self, run_id: str, status: str) -> None:
        """Close a run as ``FINISHED``, ``FAILED`` or ``KILLED``; later if MLflow is away."""
        end = {"kind": END, "status": status, "time": now()}
        try:
            with one_try():
                self.spool().deliver()
                self._send(run_id, [end])
        except Exception as error:
            if not taken_later(error):
                raise
            self.spool().put(run_id, end)

    def end_runs_of(self, dagster_run_id: str) -> list[str]:
        """Close as ``KILLED`` what a run of Dagster opened and did not live to close; the ids."""
        client = self.client()
        experiment = client.get_experiment_by_name(self.experiment)
        assert experiment is not None
        found = client.search_runs(
            [experiment.experiment_id],
            f"tags.`dagster.run_id` = '{dagster_run_id}' and attributes.status = 'RUNNING'",
        )
        for run in found:
            self.end_run(run.info.run_id, "KILLED")
        return [run.info.run_id for run in found]

    def spool(self) -> Spool:
        """Return what waits until MLflow answers again."""
        return Spool(self.store.base / FOLDER, self._send)

    def outbox(self, run_id: str, say: Callable[[str], None]) -> Outbox:
        """Return logs of a run that must go on, whether MLflow answers or not."""
        return Outbox(self.spool(), self._send, run_id, say)

    def _send(self, run_id: str, entries: Sequence[Entry]) -> None:
        """Hand over entries of a spool: several of metrics, or one of any kind."""
        from mlflow.entities import Metric

        first = entries[0]
        if first["kind"] == METRICS:
            metrics = [
                Metric(name, float(value), entry["time"], entry["step"])
                for entry in entries
                for name, value in entry["metrics"].items()
            ]
            self.client().log_batch(run_id, metrics=metrics)
        elif first["kind"] == END:
            self.client().set_terminated(run_id, first["status"], first["time"])
        else:
            self.log_images(run_id, {first["name"]: Path(first["file"])})

    def log_metrics(
        self,
        run_id: str,
        metrics: Mapping[str, float],
        step: int = 0,
        model_id: str | None = None,
        dataset: DatasetInput | None = None,
    ) -> None:
        """Log numbers at ``step``; ``model_id`` ties them to a logged model, ``dataset`` to the
        input of the run that they were measured on."""
        from mlflow.entities import Metric

        measured_on = (
            (dataset.name, dataset.digest[:_DATASET_DIGEST_LENGTH]) if dataset else (None, None)
        )
        time = now()
        entities = [
            Metric(key, float(value), time, step, model_id or None, *measured_on)
            for key, value in metrics.items()
        ]
        self.client().log_batch(run_id, metrics=entities)

    def log_images(self, run_id: str, images: Mapping[str, Path]) -> None:
        """Store PNG files under ``images/``, named by key."""
        client = self.client()
        for name, file in images.items():
            with file.open("rb") as stream:
                from PIL import Image

                client.log_image(run_id, Image.open(stream).convert("RGB"), f"images/{name}.png")

    def log_table(self, run_id: str, name: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Store a table, given by its columns, as ``tables/NAME.json``, which the UI shows."""
        self.client().log_table(run_id, dict(columns), f"tables/{name}.json")

    @staticmethod
    def _log_parameters(client: "MlflowClient", run_id: str, parameters: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        flat = [Param(key, value[:_PARAMETER_LENGTH]) for key, value in flatten(parameters)]
        for start in range(0, len(flat), 100):
            client.log_batch(run_id, params=flat[start : start + 100])

    @staticmethod
    def _log_inputs(
        client: "MlflowClient", run_id: str, inputs: Sequence[DatasetInput], model_id: str | None
    ) -> None:
        from mlflow.entities import Dataset, InputTag, LoggedModelInput
        from mlflow.entities import DatasetInput as MlflowInput

        records = [
            MlflowInput(
                Dataset(
                    name=item.name,
                    digest=item.digest[:_DATASET_DIGEST_LENGTH],
                    source_type="local",
                    source=f'{{"uri": "{item.source.as_uri()}"}}',
                ),
                [InputTag("mlflow.data.context", item.context), InputTag("sha256", item.digest)],
            )
            for item in inputs
        ]
        models = [LoggedModelInput(model_id)] if model_id else []
        if records or models:
            client.log_inputs(run_id, records, models)


def flatten(parameters: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested mappings as dotted keys and text values, in order."""
    for key, value in parameters.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
