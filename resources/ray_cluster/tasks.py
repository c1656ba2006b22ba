"""Jobs as Ray tasks."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from resources.ray_cluster.settings import ClusterSettings
from unigs.errors import ConfigError, UnigsError

# Jobs that wait in Ray's queue for each that can run: an autoscaler sees them and adds nodes.
_WAITING = 2

# Of a worker process: what it was prepared for.
_prepared: list[Callable[[int], None]] = []


class Tasks:
    """A :class:`~unigs.io.spread.Spread` over the nodes of the cluster that this process is
    connected to."""

    def __init__(self, settings: ClusterSettings) -> None:
        self.settings = settings

    def __call__(
        self,
        work: Callable[[Any], object],
        jobs: Iterable[Any],
        prepare: Callable[[int], None] | None = None,
    ) -> Iterator[int]:
        """Do the jobs; errors of `work` are raised as they are.

        Raises:
            UnigsError: a node was lost, and again after each retry.
        """
        import ray
        from ray.exceptions import RayError, RayTaskError

        task = ray.remote(
            num_cpus=self.settings.cpus,
            num_gpus=self.settings.gpus,
            max_retries=self.settings.retries,
            scheduling_strategy="SPREAD",
        )(_do)
        waiting: list[Any] = []
        try:
            for job in jobs:
                waiting.append(task.remote(work, prepare, job, self.settings.place))
                while len(waiting) >= _WAITING * self._places():
                    yield _collect(waiting)
            while waiting:
                yield _collect(waiting)
        except RayTaskError as error:
            if isinstance(error.cause, UnigsError):
                raise error.cause from None
            raise
        except RayError as error:
            raise UnigsError(
                f"a node of the Ray cluster was lost in the middle of the work "
                f"({type(error).__name__})",
                hint="run again: what is finished stays",
            ) from error

    def _places(self) -> int:
        """How many tasks the cluster has room for now, at least one."""
        import ray

        held = ray.cluster_resources()
        wanted = {"CPU": self.settings.cpus, "GPU": self.settings.gpus}
        rooms = [held.get(name, 0.0) / count for name, count in wanted.items() if count]
        return max(1, int(min(rooms, default=1.0)))


def _collect(waiting: list[Any]) -> int:
    """Take the finished tasks out, at least one; returns how many, raises what they raised."""
    import ray

    ready, _ = ray.wait(waiting, num_returns=1)
    for reference in ready:
        waiting.remove(reference)
        ray.get(reference)
    return len(ready)


def _do(
    work: Callable[[Any], object], prepare: Callable[[int], None] | None, job: Any, place: str
) -> None:
    """In a worker process: prepare it once, do one job."""
    require_place(place)
    if prepare is not None and not _prepared:
        prepare(0)
        _prepared.append(prepare)
    work(job)


def require_place(place: str) -> None:
    """Raise ConfigError when this node does not see the folder of the work."""
    import ray

    if not Path(place).is_dir():
        node = ray.util.get_node_ip_address()
        raise ConfigError(
            f"node {node} does not see it", file=place, hint="mount the store on every node"
        )
