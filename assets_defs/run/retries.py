"""Which failures of a step are tried again, and when."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from resources.mlflow.connection.outage import is_outage
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


@contextmanager
def tried_again(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Ask Dagster to try the step again, as `RETRIES` says, after a failure of the block that may
    pass.

    Any other failure is raised at once, and that of the last try as it is.
    """
    try:
        yield
    except Exception as error:
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
