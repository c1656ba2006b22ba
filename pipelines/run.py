"""``python -m pipelines.run``: launch one job of the code location and follow it to its end.

The run is recorded in the persistent instance in the store, so that the UI shows it and can
re-execute it, from failure too. This is what ``unigs run`` starts.
"""

import argparse
import json
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from typing import Any

from assets_defs.run.folders import Folders
from pipelines.runner.console import children_write_to
from pipelines.runner.follow import Progress, Worker, follow
from pipelines.runner.programs import called
from resources.mlflow.tracking import Tracking
from resources.process.lifeline import end_with_parent
from resources.run_settings import GraphSettings, absolute, absolute_preset
from resources.store import Store
from unigs.cli.shared.volume import is_verbose
from unigs.errors import ConfigError, DataError, UnigsError, choices
from unigs.workflows.job_names import DATA_ONLY, EVERYTHING, JOB_NAMES, PAPER_TABLES
from unigs.workflows.training_progress import TrainingLine


def main(arguments: list[str] | None = None) -> int:
    """Parse ``arguments``, run, print the result; the exit code."""
    options = command_line().parse_args(arguments)
    warnings.filterwarnings("ignore", module="dagster")
    # SIGINT too: a process that a script starts in the background has it switched off.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    end_with_parent()
    try:
        return run(options)
    except UnigsError as error:
        if is_verbose():
            traceback.print_exc()
        print(f"unigs run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("unigs run: stopped before the run began", file=sys.stderr)
        return 1


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.run", description=__doc__)
    parser.add_argument("--job", default=EVERYTHING)
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--dataset", default="shapes")
    parser.add_argument("--root", default="", help="folder of the data set; shapes needs none")
    parser.add_argument("--store", default="", help="default: $UNIGS_STORE, else ./store")
    parser.add_argument("--train-steps", type=int, default=0, help="0: what the preset says")
    parser.add_argument(
        "--set", action="append", default=[], dest="overrides", metavar="NAME=VALUE",
        help="a setting of the preset; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--from-failure", action="store_true", help="continue the last run from its failed step"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    parser.add_argument("--json", action="store_true")
    return parser


def run(options: argparse.Namespace) -> int:
    """Launch the job of parsed options, follow it to its end and print its result; the exit code.

    Raises:
        UnigsError: a setting is wrong, the run does not fit, or its records do not answer.
    """
    begin = time.monotonic()
    if options.job not in JOB_NAMES:
        raise ConfigError(f"no job {options.job!r}", hint=choices(options.job, JOB_NAMES))
    store = Store(root=options.store)
    # the home is that of the store, which may not have been made yet
    os.environ.pop("DAGSTER_HOME", None)
    settings = settings_from(options)
    # A bad preset, store or mix is reported at once, not when the first asset runs; a continued
    # run has the data sets it began with.
    folders = Folders.of(store, settings)
    preset = settings.values
    if not options.from_failure:
        settings.sources  # noqa: B018
        from unigs.models.pretrained import COMPONENTS, EVALUATORS, require_sources

        evaluators = () if options.job == DATA_ONLY else EVALUATORS
        require_sources(preset, (*COMPONENTS, *evaluators))
    from assets_defs.run.planning import planning
    from pipelines.runner.home import prepare_home
    from pipelines.runner.lost import fault_of_records, said_space

    # A continued run has the settings it began with.
    with nullcontext(list) if options.from_failure else planning(store, settings) as problems:
        try:
            prepare_home(store)
            Tracking(store=store).check_access()
            return _launched(options, store, settings, folders, problems, begin)
        except Exception as error:
            fault = (
                "" if isinstance(error, UnigsError) else fault_of_records(error, store.dagster_home)
            )
            if not fault:
                raise
            raise DataError(
                f"the records of the run do not answer: {fault}",
                file=store.dagster_home,
                hint=f"{said_space(store.dagster_home)}; see to it, then go on with --from-failure",
            ) from error


def _launched(
    options: argparse.Namespace,
    store: Store,
    settings: GraphSettings,
    folders: Folders,
    problems: Callable[[], list[str]],
    begin: float,
) -> int:
    import dagster as dg

    from assets_defs.statistics import read_unseen, said_of_unseen
    from pipelines.automation.requests import run_config
    from pipelines.jobs import job_tags
    from pipelines.locations import hand_over, location_of, settings_of
    from pipelines.runner.launch import (
        broken_off,
        launch,
        open_workspace,
        relaunch_from_failure,
    )
    from pipelines.runner.lost import end_lost_runs, end_records

    log = store.folder("logs") / "children.log"
    with children_write_to(log) as console, TrainingLine(console) as line:
        progress = Progress(_nothing, _nothing) if options.quiet else Progress(line.say, line.show)
        with dg.DagsterInstance.get() as instance, ExitStack() as servers:
            for lost in end_lost_runs(instance, store):
                progress.say(f"run {lost} was killed: it is listed as failed now")
            parent = broken_off(instance, options.job) if options.from_failure else None
            if parent is not None:
                settings = settings_of(parent, settings) or settings
                folders = Folders.of(store, settings)
            os.environ |= hand_over([settings])
            location = location_of(settings)
            workspace = servers.enter_context(open_workspace(instance, settings.run, location))
            config = run_config(store, settings)
            if parent is not None:
                root = config["resources"]["store"]["config"]["root"]
                run_id = relaunch_from_failure(instance, workspace, location, parent, root)
            else:
                if found := problems():
                    raise ConfigError("; ".join(found))
                tags = job_tags(options.job, settings)
                run_id = launch(instance, workspace, location, options.job, config, tags)
            progress.say(f"run {run_id} of job {options.job}, records in {store.base}")
            status = follow(instance, run_id, progress, Worker(store.dagster_home, run_id))
            if status is not dg.DagsterRunStatus.SUCCESS:
                end_records(store, run_id)
    if status is dg.DagsterRunStatus.CANCELED:
        progress.failure = "cancelled; start again to resume"
    if status is not dg.DagsterRunStatus.SUCCESS:
        reason = progress.failure or f"the run ended as {status.value}; see {log}"
        print(f"unigs run: {reason}", file=sys.stderr)
        return 1
    if not options.quiet:
        print(progress.summary(), file=sys.stderr)
    unseen = read_unseen(folders)
    if unseen:
        print(said_of_unseen(unseen), file=sys.stderr)
    if not options.quiet:
        if options.job != DATA_ONLY:
            print(f"try it: {called('unigs')} demo --store {store.base}", file=sys.stderr)
        place = f"{called('python')} -m pipelines.ui --store {store.base}"
        print(f"pictures, lineage, runs: {place}", file=sys.stderr)
    seconds = round(time.monotonic() - begin, 1)
    about = {"seconds": seconds, "run_id": run_id, "unseen_classes": unseen}
    _print_result(options, folders, about, progress)
    return 0


def settings_from(options: argparse.Namespace) -> GraphSettings:
    """Return the settings of a run from its parsed options; paths are absolute."""
    root = absolute(options.root)
    from unigs.config.overrides import parse_overrides, spelled
    from unigs.config.preset import Preset

    return GraphSettings(
        preset=absolute_preset(options.preset),
        dataset=options.dataset,
        root=root,
        train_steps=options.train_steps,
        overrides=spelled(parse_overrides(Preset, options.overrides)),
    )


def _nothing(text: str) -> None:
    """Take in a line of progress that nobody wants to see."""


def _print_result(
    options: argparse.Namespace, folders: Folders, about: Mapping[str, Any], progress: Progress
) -> None:
    """The paper's metrics of the models that the job evaluated on stdout, or one JSON object with
    every metric."""
    from assets_defs.report import GRID, RESULT, TABLE
    from pipelines.jobs import evaluated

    result: dict[str, Any] = {"metrics": {}, "model": {}}
    for name in evaluated(options.job):
        folder = folders.report(name)
        report = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        result["metrics"] |= report["metrics"]
        # relative in the store, which may have moved since
        result["model"] |= {
            model: str(folders.base / folder) for model, folder in report["model"].items()
        }
        if not options.json:
            print_table(report["values"], f"{name} on {options.dataset}")
            print(f"all metrics: {folder / TABLE}\npictures: {folder / GRID}")
    if options.job == PAPER_TABLES:
        result["tables"] = print_paper_tables(folders, quiet=options.json)
    if options.json:
        result |= {**about, "store": str(folders.base.parent)}
        print(json.dumps({**result, "built": progress.built, "cached": progress.cached}))


def print_paper_tables(folders: Folders, quiet: bool) -> dict[str, Any]:
    """Print the paper's tables in Markdown; return them by number, by column."""
    from assets_defs.paper.tables import TABLES
    from unigs.evaluation.paper.result import ROWS_FILE, TABLE_FILE

    for number in () if quiet else TABLES:
        print((folders.table(number) / TABLE_FILE).read_text(encoding="utf-8"))
    return {
        str(number): json.loads((folders.table(number) / ROWS_FILE).read_text(encoding="utf-8"))
        for number in TABLES
    }


def print_table(records: dict[str, list[dict[str, Any]]], title: str) -> None:
    """Print the paper's metrics to stdout: a table on a terminal, Markdown elsewhere."""
    from rich.console import Console

    from unigs.evaluation.metric_values import MetricValues
    from unigs.evaluation.paper.summary import paper_markdown, paper_table

    values = {task: MetricValues.of_records(rows) for task, rows in records.items()}
    console = Console()
    if console.is_terminal:
        console.print(paper_table(values, title))
    else:
        print(paper_markdown(values, title))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
