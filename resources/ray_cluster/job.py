"""``python -m resources.ray_cluster.job``: call one function of ours as a job of the cluster."""

import pkgutil
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster_pipes import PipesContext, open_dagster_pipes

from resources.ray_cluster.pulse import end_without
from resources.ray_cluster.settings import CLUSTER, REASON, ClusterSettings
from resources.ray_cluster.tasks import Tasks
from unigs.errors import UnigsError, one_line

# Keys of the extras, and of the message back.
WORK, ORDER, ANSWER = "work", "order", "answer"


@contextmanager
def connected(settings: ClusterSettings) -> Iterator[None]:
    """Connect the driver of a job to its cluster for the block; it ends with the run."""
    import ray

    ray.init(logging_level="warning")
    end_without(Path(settings.pulse), settings.lost_seconds)
    try:
        yield
    finally:
        ray.shutdown()


def say_reason(error: Exception) -> None:
    """Write the line that the launcher shows; the log has what led to it."""
    if not isinstance(error, UnigsError):
        traceback.print_exception(error)
    words = str(error) if isinstance(error, UnigsError) else f"{type(error).__name__}: {error}"
    print(f"{REASON}{one_line(words)}", file=sys.stderr, flush=True)


def _call(pipes: PipesContext) -> None:
    settings = ClusterSettings.model_validate(pipes.extras[CLUSTER])
    begun = time.monotonic()
    with connected(settings):
        work = pkgutil.resolve_name(pipes.extras[WORK])
        answer = work(pipes.extras[ORDER], Tasks(settings))
    pipes.report_custom_message({ANSWER: answer})
    pipes.log.info(f"{pipes.extras[WORK]} on the cluster: {time.monotonic() - begun:.1f} s")


def main() -> int:
    """Do what the Pipes extras say; the exit code."""
    with open_dagster_pipes() as pipes:
        try:
            _call(pipes)
        except Exception as error:
            say_reason(error)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
