"""The messages of a run to its user."""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from pipelines.runner import follow as following
from pipelines.runner.console import children_write_to
from pipelines.runner.follow import Progress, Worker, follow, reason_of
from unigs.errors import DataError


@dataclass
class Error:
    """As Dagster's events carry one."""

    message: str
    cls_name: str
    cause: "Error | None" = None


def told(fails: bool) -> tuple[Progress, list[str], dg.DagsterRunStatus]:
    @dg.asset
    def kept_asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        context.log.info("nothing to do")
        context.log.info("step 40 of 2000: loss 0.5000, 9.0 samples/s, 3.0 min left")
        return dg.MaterializeResult(metadata={"cached": True})

    @dg.asset(deps=[kept_asset])
    def built_asset() -> dg.MaterializeResult:
        if fails:
            raise ValueError("the disk\nis full")
        return dg.MaterializeResult(metadata={"cached": False})

    @dg.asset(deps=[built_asset])
    def after() -> None:
        pass

    lines: list[str] = []
    progress = Progress(lines.append, lambda state: lines.append(f"moving: {state}"))
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [kept_asset, built_asset, after], instance=instance, raise_on_error=False
        )
        status = follow(instance, result.run_id, progress)
    return progress, lines, status


def test_success_lists_steps_and_counts_kept_and_built() -> None:
    progress, lines, status = told(fails=False)
    assert status is dg.DagsterRunStatus.SUCCESS
    assert (progress.cached, progress.built) == (["kept_asset"], ["built_asset", "after"])
    assert "    nothing to do" in lines
    assert "moving: step 40 of 2000: loss 0.5000, 9.0 samples/s, 3.0 min left" in lines
    assert "    step 40 of 2000: loss 0.5000, 9.0 samples/s, 3.0 min left" not in lines
    assert progress.summary().startswith("2 assets built (built_asset, after), 1 cached")
    assert progress.failure is None


def test_a_run_whose_worker_was_killed_is_told_in_a_line() -> None:
    progress = Progress(lambda line: None, lambda state: None)
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(work, status=dg.DagsterRunStatus.STARTED)
        instance.report_run_failed(run, "Run execution process unexpectedly exited")
        assert follow(instance, run.run_id, progress) is dg.DagsterRunStatus.FAILURE
    assert progress.failure == "Run execution process unexpectedly exited"


@dg.job
def work() -> None:
    pass


def test_a_worker_that_ends_without_a_word_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the disk is full, and nobody could write that it was killed."""
    monkeypatch.setattr(following, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(following, "_LOST_SECONDS", 0.1)
    held = iter([False, True])
    monkeypatch.setattr(following, "has_worker", lambda home, run_id: next(held, False))
    progress = Progress(lambda line: None, lambda state: None)
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(work, status=dg.DagsterRunStatus.STARTED)
        worker = Worker(tmp_path, run.run_id)
        assert follow(instance, run.run_id, progress, worker) is dg.DagsterRunStatus.FAILURE
        assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.FAILURE
    assert progress.failure == "the run's worker ended without a word"


def test_a_record_that_is_gone_is_told() -> None:
    progress = Progress(lambda line: None, lambda state: None)
    told = pytest.raises(DataError, match="the record of run 0123 is gone")
    with dg.DagsterInstance.ephemeral() as instance, told:
        follow(instance, "0123", progress)


def test_failure_is_the_first_cause_in_one_line() -> None:
    progress, lines, status = told(fails=True)
    assert status is dg.DagsterRunStatus.FAILURE
    assert progress.failure == "built_asset: the disk is full"
    assert not [line for line in lines if line.startswith("    Dependencies")]


def test_all_kept_says_so() -> None:
    progress = Progress(print, print, cached=["a", "b"])
    assert progress.summary() == "nothing had changed: all 2 assets were cached"


def test_reason_passes_over_the_errors_of_dagster() -> None:
    cause = Error("unigs.errors.DataError: no such folder\n", "DataError")
    error = Error("outer", "DagsterExecutionStepExecutionError", cause)
    assert reason_of(error) == "no such folder"
    assert reason_of(None) == ""
    stopped = Error("x", "DagsterExecutionInterruptedError")
    assert reason_of(stopped) == "interrupted"


def test_children_write_to_the_log_alone(tmp_path, capfd: pytest.CaptureFixture[str]) -> None:
    import subprocess

    log = tmp_path / "children.log"
    with children_write_to(log) as console:
        subprocess.run(["sh", "-c", "echo out; echo err >&2"], check=True)
        print("ours", file=console)
    print("after")
    captured = capfd.readouterr()
    assert captured.err == "ours\n"
    assert captured.out == "after\n"
    assert log.read_text() == "out\nerr\n"
