"""Run heavy work as jobs of a Ray cluster, under Dagster Pipes."""

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from resources.launcher import Launcher, Work
from resources.ray_cluster import job
from resources.ray_cluster.job import ANSWER, ORDER, WORK
from resources.ray_cluster.pulse import beating
from resources.ray_cluster.settings import CLUSTER, REASON, ClusterSettings
from unigs.errors import ConfigError, TransientError, UnigsError

DEFAULT_ADDRESS = "http://127.0.0.1:8265"
_POLL_SECONDS = 0.5


class JobFailed(UnigsError):
    """A job of the cluster did not succeed; the message holds its own line."""


class RayLauncher(Launcher):
    """Jobs on a Ray cluster: shards, latents and evaluations as tasks, a training as a group of
    processes over the nodes. The store is a folder that all nodes see.

    A job ends with its run: when the run is cancelled, it is stopped and awaited; when the run is
    killed, the job misses its pulse.
    """

    address: str = Field(default=DEFAULT_ADDRESS, description="of the cluster's job server")
    python: str = Field(default="python", description="interpreter on the nodes that has unigs")
    cpus: float = Field(default=1.0, ge=0, description="of a task and of a training process")
    gpus: float = Field(default=0.0, ge=0, description="of a task and of a training process")
    driver_gpus: float = Field(
        default=0.0, ge=0, description="of a job's own process, which encodes prompts"
    )
    retries: int = Field(default=3, ge=0, description="of a task whose node was lost")
    wait_seconds: float = Field(
        default=600.0, gt=0, description="for a place on the cluster, before a training gives up"
    )
    grace_seconds: float = Field(
        default=60.0, gt=0, description="for a stopped job to write its checkpoint"
    )
    lost_seconds: float = Field(
        default=180.0, gt=0, description="without a sign of the run, until a job ends itself"
    )

    def start(
        self,
        context: dg.AssetExecutionContext,
        module: str,
        order: Mapping[str, Any],
        place: Path,
    ) -> None:
        self._run(context, module, order, place)

    def call(
        self, context: dg.AssetExecutionContext, work: Work, order: Mapping[str, Any], place: Path
    ) -> Any:
        named = f"{work.__module__}:{work.__qualname__}"
        extras = {WORK: named, ORDER: dict(order)}
        for message in self._run(context, job.__name__, extras, place):
            return message[ANSWER]
        raise JobFailed(f"{named} ended on the Ray cluster and gave no answer", hint="run again")

    def _run(
        self,
        context: dg.AssetExecutionContext,
        module: str,
        order: Mapping[str, Any],
        place: Path,
    ) -> Sequence[Any]:
        """Run a module as a job; return its custom messages."""
        name = f"unigs-{context.run.run_id[:8]}-{secrets.token_hex(4)}"
        # Beside the folder of the work, whose files are counted.
        pulse = place.with_name(f".{name}.pulse")
        settings = ClusterSettings(
            cpus=self.cpus,
            gpus=self.gpus,
            retries=self.retries,
            wait_seconds=self.wait_seconds,
            place=str(place),
            pulse=str(pulse),
            lost_seconds=self.lost_seconds,
        )
        with self._reachable():
            client = self._client()
            with beating(pulse):
                try:
                    done = client.run(
                        context=context,
                        submit_job_params=self.submission(name, module),
                        extras={**order, CLUSTER: settings.model_dump()},
                    )
                    return done.get_custom_messages()
                except RuntimeError as error:
                    raise JobFailed(_reason(client.client, name, error)) from error
                finally:
                    self._see_to_the_end(client.client, name)

    def submission(self, name: str, module: str) -> Any:
        """Return what is submitted: the command and the environment of its processes."""
        return {
            "submission_id": name,
            # exec: signals reach Python itself, not a shell
            "entrypoint": f"exec {self.python} -m {module}",
            "entrypoint_num_gpus": self.driver_gpus,
            "runtime_env": {
                "env_vars": {
                    "RAY_JOB_STOP_WAIT_TIME_S": str(round(self.grace_seconds)),
                    "PYTHONUNBUFFERED": "1",
                }
            },
        }

    def _client(self) -> Any:
        try:
            from dagster_ray import PipesRayJobClient
            from ray.job_submission import JobSubmissionClient  # noqa: F401
        except ImportError as error:
            raise ConfigError(
                f"the launcher ray needs {error.name}", hint="pip install 'unigs[ray]'"
            ) from error
        client = PipesRayJobClient(address=self.address, poll_interval=_POLL_SECONDS)
        _ = client.client  # connects
        return client

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        """Turn errors of the connection into one line."""
        try:
            yield
        except OSError as error:
            raise TransientError(
                f"the Ray cluster at {self.address} does not answer ({type(error).__name__})",
                hint="start it or name another with UNIGS_RAY_ADDRESS; then run again, what is "
                "finished stays",
            ) from error

    def _see_to_the_end(self, client: Any, name: str) -> None:
        """Stop the job if it still runs, and wait until it is gone: `PipesRayJobClient` asks it to
        stop on one kind of interruption, and does not wait."""
        until = time.monotonic() + self.grace_seconds + 10
        try:
            while not client.get_job_status(name).is_terminal() and time.monotonic() < until:
                client.stop_job(name)
                time.sleep(_POLL_SECONDS)
        except RuntimeError:
            return  # it was never submitted


def _reason(client: Any, name: str, error: Exception) -> str:
    """Return the line by which a job says why it failed, or else the last of its log."""
    try:
        lines = client.get_job_logs(name).splitlines()
    except RuntimeError:
        lines = str(error).splitlines()
    own = [line.removeprefix(REASON) for line in lines if line.startswith(REASON)]
    if own:
        return own[-1]
    words = [line for line in lines if line.strip()]
    return f"job {name} of the Ray cluster failed: {words[-1] if words else 'it wrote nothing'}"
