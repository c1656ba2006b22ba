"""What every asset of a run does around its own work. Settings of another run: test_keys.py."""

import ast
import errno
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

import assets_defs
from assets_defs.run import retries
from assets_defs.run.step import step_of_run
from resources.process.run_lock import had_worker, has_worker

DISK = OSError(errno.EIO, "Input/output error")


def test_every_asset_is_a_step_of_its_run() -> None:
    found = 0
    for file in sorted(Path(assets_defs.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            applied = [ast.unparse(each).partition("(")[0] for each in node.decorator_list]
            if {"dg.asset", "table_asset"} & set(applied):
                found += 1
                assert applied[-1] == "step_of_run", f"{file.name}: {node.name}"
    assert found >= 15, "assets are no longer found by their decorators"


@pytest.mark.parametrize("yields", [False, True])
def test_an_asset_that_returns_or_yields_is_tried_again(
    yields: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "RETRIES", dg.RetryPolicy(max_retries=1, delay=0.001))
    left = [DISK]

    def returned(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        if left:
            raise left.pop()
        return dg.MaterializeResult()

    def yielded(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        if left:
            raise left.pop()
        yield dg.MaterializeResult()

    asset = dg.asset(name="stage")(step_of_run(yielded if yields else returned))
    result = dg.materialize([asset])
    events = [event.event_type for event in result.all_events]
    assert result.success
    assert events.count(dg.DagsterEventType.STEP_UP_FOR_RETRY) == 1
    assert not left


def test_a_step_holds_the_lock_of_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    held = []

    @dg.asset
    @step_of_run
    def stage(context: dg.AssetExecutionContext) -> None:
        held.append((has_worker(tmp_path, context.run.run_id), context.run.run_id))

    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([stage], instance=instance)
    ((during, run_id),) = held
    assert during
    assert not had_worker(tmp_path, run_id), "the process that held it still lives"
