"""What can heal is tried again with back-off, what cannot is tried once."""

import errno
from pathlib import Path

import dagster as dg
import pytest

from assets_defs.cache.build import Built, build_or_reuse
from assets_defs.run import retries
from assets_defs.run.retries import may_pass, tried_again
from resources.process.launcher import ProcessFailed, ProcessLost
from unigs.errors import ConfigError, DataError, DeviceError, ModelError, TransientError

DISK = OSError(errno.EIO, "Input/output error")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = dg.RetryPolicy(max_retries=3, delay=0.001, backoff=dg.Backoff.EXPONENTIAL)
    monkeypatch.setattr(retries, "RETRIES", quick)


def run(*failures: Exception) -> tuple[dg.ExecuteInProcessResult, int, list[str]]:
    """Run an asset that fails so and then works: the result, the tries, the warnings."""
    left, tries = list(failures), []

    @dg.asset
    def stage(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with tried_again(context):
            tries.append(context.retry_number)
            if left:
                raise left.pop(0)
        return dg.MaterializeResult()

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([stage], instance=instance, raise_on_error=False)
        said = [e.user_message for e in instance.all_logs(result.run_id) if e.level == 30]
    return result, len(tries), said


def retried(result: dg.ExecuteInProcessResult) -> int:
    events = [event.event_type for event in result.all_events]
    return events.count(dg.DagsterEventType.STEP_UP_FOR_RETRY)


def test_two_errors_of_the_disk_end_green_after_two_retries() -> None:
    result, tries, said = run(DISK, DISK)
    assert result.success
    assert (tries, retried(result)) == (3, 2)
    assert "Input/output error; trying again in 0 s (1 of 3)" in said[0]


def test_a_wrong_setting_is_tried_once_and_raised_as_it_is() -> None:
    result, tries, _ = run(ConfigError("steps: unknown"))
    assert (result.success, tries, retried(result)) == (False, 1, 0)
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    assert "steps: unknown" in str(failure.step_failure_data.error)


def test_what_never_heals_ends_with_its_own_error() -> None:
    result, tries, _ = run(*[DISK] * 9)
    assert (result.success, tries, retried(result)) == (False, 4, 3)
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    error = failure.step_failure_data.error
    assert error.cause is not None
    assert error.cause.cls_name == "OSError"


def test_waits_grow_and_differ() -> None:
    waits = [[RETRIES.calculate_delay(number) for number in (1, 2, 3)] for _ in range(20)]
    for first, second, third in waits:
        assert 0 <= first <= 20 <= second <= 40 < 60 <= third <= 80
    assert len({first for first, _, _ in waits}) > 1


RETRIES = retries.RETRIES


def raised_from(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (DISK, True),
        (raised_from(DataError("cannot write"), DISK), True),
        (ProcessLost("killed by SIGKILL"), True),
        (TransientError("a worker was killed"), True),
        (DeviceError("cuda failed"), True),
        (MemoryError(), True),
        (ConnectionResetError(), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (PermissionError(errno.EACCES, "Permission denied"), False),
        (FileNotFoundError(errno.ENOENT, "No such file"), False),
        (DataError("checksum mismatch"), False),
        (ModelError("wrong weights"), False),
        (ProcessFailed("ended with code 1"), False),
        (KeyError("a fault of the program"), False),
    ],
    ids=repr,
)
def test_which_errors_may_pass(error: Exception, passes: bool) -> None:
    assert may_pass(error) is passes


def test_memory_of_an_accelerator_may_be_free_later() -> None:
    torch = pytest.importorskip("torch")
    assert may_pass(torch.OutOfMemoryError("CUDA out of memory"))


def test_an_error_of_the_disk_is_seen_behind_the_line_that_the_user_reads(tmp_path: Path) -> None:
    def build(place: Path, resume: bool) -> Built:
        raise DISK

    with pytest.raises(DataError) as caught:
        build_or_reuse(tmp_path / "a", {}, build)
    assert may_pass(caught.value)
