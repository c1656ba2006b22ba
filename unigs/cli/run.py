"""``unigs run``: run the whole graph, from annotations to an evaluated model."""

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import typer

from unigs.cli.output import Overrides
from unigs.cli.run_options import RunDataset, RunPreset, RunRoot, RunSteps, RunStore
from unigs.cli.shared.graph import graph_command
from unigs.cli.shared.volume import is_quiet
from unigs.errors import ConfigError, DataError, choices
from unigs.workflows.job_names import EVERYTHING, JOB_NAMES

EXAMPLES = (
    "unigs run --preset tiny",
    "unigs run --dataset coco_panoptic --root /data/coco --preset sd15 --set checkpoint=/data/sd15",
)


def run(
    preset: RunPreset = "tiny",
    dataset: RunDataset = "shapes",
    root: RunRoot = "",
    store: RunStore = None,
    train_steps: RunSteps = 0,
    job: Annotated[str, typer.Option(help=f"Dagster job: {', '.join(JOB_NAMES)}.")] = EVERYTHING,
    from_failure: Annotated[
        bool, typer.Option("--from-failure", help="Continue the last run from its failed step.")
    ] = False,
    launcher: Annotated[
        Literal["process", "ray"] | None,
        typer.Option(
            help="Where the work is done: in processes of this machine or as jobs of a Ray cluster "
            "(UNIGS_RAY_..., docs/cluster.md) [$UNIGS_LAUNCHER, else process]."
        ),
    ] = None,
    overrides: Overrides = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object as the last line.")
    ] = False,
) -> None:
    """Build shards, train, evaluate and report with Dagster; reuse what is unchanged."""
    from unigs.config.overrides import parse_overrides
    from unigs.config.preset import Preset, load_preset
    from unigs.remote.address import is_address
    from unigs.workflows.sources import run_sources

    # a wrong request is told before Dagster starts and a store is made
    if job not in JOB_NAMES:
        raise ConfigError(f"no job {job!r}", hint=choices(job, JOB_NAMES))
    changes = parse_overrides(Preset, overrides or ())
    if not from_failure:
        chosen = load_preset(preset, changes)
        try:
            run_sources(chosen, dataset, root)
        except ConfigError as error:
            raise typer.BadParameter(str(error)) from error
    if root and not is_address(root) and not Path(root).is_dir():
        raise DataError("no such folder", file=root, hint="check --root")
    if from_failure and overrides:
        raise ConfigError(
            "--from-failure continues a run with its own settings", hint="leave --set out"
        )
    command = graph_command("pipelines.run", "--preset", preset, "--dataset", dataset)
    command += ["--job", job, "--train-steps", str(train_steps)]
    command += ["--root", root] if root else []
    command += ["--store", str(store)] if store is not None else []
    command += [f"--set={override}" for override in overrides or ()]
    command += ["--from-failure"] if from_failure else []
    command += ["--quiet"] if is_quiet() else []
    command += ["--json"] if as_json else []
    raise typer.Exit(_see_through(command, {"UNIGS_LAUNCHER": launcher} if launcher else {}))


def _see_through(command: list[str], variables: Mapping[str, str]) -> int:
    """Run the command in its own session, and end what is left of that.

    A Ctrl-C then reaches the run once, as a request to cancel, not all its processes at once. Where
    the disk is full or gone, Dagster's code server waits for ever for a worker that has ended.
    """
    environment = {**os.environ, **variables, "UNIGS_PARENT_PID": str(os.getpid())}
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            continue
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return 1 if code else 0
