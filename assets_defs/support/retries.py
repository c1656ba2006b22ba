"""Which failures of an asset are tried again, and when."""

import errno
import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from assets_defs.support.keys import require_own_run
from resources.mlflow.access import refusal
from resources.mlflow.outage import is_outage
from resources.process.run_lock import hold_run
from unigs.errors import TransientError, one_line

# After 10, 30 and 70 s, each ten seconds more or less: what failed together is not tried together.
SECONDS_VARIABLE = "UNIGS_RETRY_SECONDS"
RETRIES = dg.RetryPolicy(
    max_retries=3,
    delay=float(os.environ.get(SECONDS_VARIABLE) or 10.0),
    backoff=dg.Backoff.EXPONENTIAL,
    jitter=dg.Jitter.PLUS_MINUS,
)
# Of disks, of machines that are short of something for a while, of networks.
_PASSING = {
    errno.EIO, errno.EBUSY, errno.EAGAIN, errno.EINTR, errno.ESTALE, errno.ENOMEM,
    errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ETIMEDOUT, errno.ENETDOWN,
    errno.ENETUNREACH, errno.ENETRESET, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN,
    errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE,
}  # fmt: skip


def tried_again(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate the function of an asset, below ``dg.asset``: a failure that may pass is tried again
    as `RETRIES` says, any other is raised at once. So are settings of another run than the asset's.

    The failure of the last try is raised as it is.
    """

    @functools.wraps(compute)
    def run(context: dg.AssetExecutionContext, *arguments: Any, **resources: Any) -> Any:
        with _tries(context, resources):
            return compute(context, *arguments, **resources)

    @functools.wraps(compute)
    def run_in_parts(context: dg.AssetExecutionContext, *arguments: Any, **resources: Any) -> Any:
        with _tries(context, resources):
            yield from compute(context, *arguments, **resources)

    # Dagster asks the function which of the two it is.
    return run_in_parts if inspect.isgeneratorfunction(compute) else run


@contextmanager
def _tries(context: dg.AssetExecutionContext, resources: Mapping[str, Any]) -> Iterator[None]:
    if "settings" in resources:
        require_own_run(context, resources["settings"])
    hold_run(context.run.run_id)
    try:
        yield
    except Exception as error:
        if refused := refusal(error):
            raise refused from error
        tried = context.retry_number
        if tried >= RETRIES.max_retries or not may_pass(error):
            raise
        seconds = max(0.0, RETRIES.calculate_delay(tried + 1))
        reason = one_line(f"{error}") or type(error).__name__
        context.log.warning(
            f"{reason}; trying again in {seconds:.0f} s ({tried + 1} of {RETRIES.max_retries})"
        )
        raise dg.RetryRequested(RETRIES.max_retries, seconds) from error


def may_pass(error: BaseException) -> bool:
    """Return whether work that failed can succeed when it is tried again as it is.

    So it is with errors of disks and networks, lack of memory, a process or device that was lost,
    records that do not answer. It is not with wrong settings, data or weights, a full disk or
    missing rights.
    """
    return any(map(_passes, _causes(error)))


def _passes(error: BaseException) -> bool:
    if isinstance(error, TransientError | MemoryError | ConnectionError | TimeoutError):
        return True
    if isinstance(error, OSError) and error.errno in _PASSING:
        return True
    # Whoever raises its error has imported torch.
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return is_outage(error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__
