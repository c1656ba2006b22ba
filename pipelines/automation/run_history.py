"""What the instance knows of the runs on a data set: the last that succeeded and what it had seen,
those at work, and those that failed on the data in question."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from assets_defs.run.keys import asset_name
from assets_defs.run.partitions import run_tags, settings_tags
from pipelines.automation.attempts import Ended
from pipelines.jobs import EVERYTHING
from resources.run_settings import GraphSettings
from unigs.errors import UnigsError

# Tags of the runs that the sensor asks for: what data, and for the how many-eth time.
ARRIVAL, ATTEMPT = "unigs/arrival", "unigs/attempt"
# How far back a run that succeeded is looked for, among those of other settings of the same data
# set and preset.
_RUNS = 50
_RAW = "raw"

IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.MANAGED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
BROKEN_OFF = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass(frozen=True, slots=True)
class RunHistory:
    """The runs of the job of everything on the data set of ``settings``."""

    instance: dg.DagsterInstance
    settings: GraphSettings

    def last_success(self) -> dg.DagsterRun | None:
        """Return the newest run that succeeded on the whole of the data set, whoever started it;
        None without one."""
        wanted = dg.RunsFilter(
            job_name=EVERYTHING,
            statuses=[dg.DagsterRunStatus.SUCCESS],
            tags=settings_tags(self.settings),
        )
        for run in self.instance.get_runs(wanted, limit=_RUNS):
            if not concerns(run.run_config, self.settings):
                continue
            if ARRIVAL in run.tags or run_tags(self.settings).items() <= run.tags.items():
                return run
        return None

    def working(self) -> str | None:
        """Return a run in the same folders that is queued or at work, whatever else its settings
        are; None without one."""
        wanted = dg.RunsFilter(job_name=EVERYTHING, statuses=IN_PROGRESS)
        runs = self.instance.get_runs(wanted, limit=_RUNS)
        # one of another code location's launchpad says only there what it is of
        tags = settings_tags(self.settings).items()
        own = (run for run in runs if all(run.tags.get(name, tag) == tag for name, tag in tags))
        return next((run.run_id for run in own if same_place(run.run_config, self.settings)), None)

    def ended(self, arrival: str) -> list[Ended]:
        """Return the runs that the sensor asked for on some data and that did not succeed."""
        wanted = dg.RunsFilter(job_name=EVERYTHING, statuses=BROKEN_OFF, tags={ARRIVAL: arrival})
        return [
            Ended(
                record.dagster_run.run_id,
                int(record.dagster_run.tags.get(ATTEMPT, "0")),
                record.end_time or record.update_timestamp.timestamp(),
                record.dagster_run.status is dg.DagsterRunStatus.CANCELED,
            )
            for record in self.instance.get_run_records(wanted, limit=_RUNS)
        ]

    def listings(self, run: dg.DagsterRun) -> dict[str, str]:
        """Return the listing of each data set that a run had seen, or the run that it continues;
        nothing where that is no longer known."""
        now: dg.DagsterRun | None = run
        while now is not None:
            connection = self.instance.get_records_for_run(
                now.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
            )
            for record in connection.records:
                event = record.event_log_entry.dagster_event
                key = event.asset_key if event is not None else None
                if event is not None and key is not None and asset_name(key) == _RAW:
                    said = event.step_materialization_data.materialization.metadata
                    return _listings(said, [one.dataset for one in self.settings.sources])
            parent = now.parent_run_id
            now = self.instance.get_run_by_id(parent) if parent else None
        return {}


def concerns(run_config: Mapping, settings: GraphSettings) -> bool:
    """Return whether a run made what ``settings`` ask for: of the same data set by the same preset
    with the same changes. A setting that its configuration leaves out is that of the code location,
    whose settings these are."""
    names = ("dataset", "preset", "root", "train_steps", "overrides")
    given = {name: _given(run_config, settings, name) for name in names}
    try:
        return asked_for(GraphSettings(**given)) == asked_for(settings)
    except (UnigsError, ValueError):
        # a setting or a preset that there is no more, or one that the launchpad took from elsewhere
        return False


def asked_for(settings: GraphSettings) -> dict[str, Any]:
    """Return what a run's results follow from besides its files, the same for the same settings in
    other words."""
    values = settings.values.model_dump(mode="json", exclude={"overrides"})
    return {"values": values, **settings.model_dump(include={"dataset", "preset", "root"})}


def same_place(run_config: Mapping, settings: GraphSettings) -> bool:
    """Return whether a run is about the data set and preset of ``settings``, whose folders they
    share."""
    names = ("dataset", "preset", "root")
    return all(_given(run_config, settings, name) == getattr(settings, name) for name in names)


def _given(run_config: Mapping, settings: GraphSettings, name: str) -> Any:
    given = run_config.get("resources", {}).get("settings", {}).get("config", {})
    return given.get(name, getattr(settings, name))


def _listings(said: Mapping, datasets: list[str]) -> dict[str, str]:
    names = {one: "digest" if len(datasets) == 1 else f"{one}.digest" for one in datasets}
    return {one: str(said[name].value) for one, name in names.items() if name in said}
