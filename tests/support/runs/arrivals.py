"""A data set of empty files, or objects of a bucket in memory, an instance, and runs that end as a
test says."""

from pathlib import Path
from typing import Any

import dagster as dg
import fsspec

from assets_defs.arrival.roots import digest_of_listing
from pipelines.automation.sensors import annotations
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.index.listing import list_files
from unigs.remote.address import is_address
from unigs.remote.listing import list_objects

TRAIN, VAL = "annotations/panoptic_train2017.json", "annotations/panoptic_val2017.json"


@dg.asset
def raw(store: Store, settings: GraphSettings) -> dg.MaterializeResult:
    """As the asset of that name: what there is when the run begins."""
    root = settings.root
    looks = list_objects(root).looks if is_address(root) else list_files(Path(root))
    listing = digest_of_listing(looks)
    return dg.MaterializeResult(metadata={"digest": listing})


@dg.asset(deps=[raw])
def rest(store: Store, settings: GraphSettings) -> None:
    if (Path(store.root) / "fails").exists():
        raise ValueError("made to fail")


class Place:
    """The data set below ``base``, or at an ``address``, with its sensor."""

    def __init__(self, base: Path, instance: dg.DagsterInstance, address: str = "") -> None:
        self.base, self.root, self.instance = base, base / "set", instance
        self.address = address
        self.store = Store(root=str(base / "store"))
        self.settings = GraphSettings(dataset="coco_panoptic", root=address or str(self.root))
        self.store.folder()
        self.cursor: str | None = None
        self.keys: list[str] = []
        self.queued: tuple[dg.RunRequest, str] | None = None
        defs = dg.Definitions(
            assets=[raw, rest],
            jobs=[dg.define_asset_job("everything")],
            resources={"store": self.store, "settings": self.settings},
        )
        self.job = defs.resolve_job_def("everything")
        for name in (TRAIN, VAL):
            self.put(name, "{}")

    def put(self, name: str, text: str) -> Path:
        if self.address:
            with fsspec.open(f"{self.address}/{name}", "w") as stream:
                stream.write(text)
            return Path(name)
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def tick(self) -> dg.RunRequest | str:
        """One look of the sensor: its request, or why there is none."""
        result: Any = annotations(
            dg.build_sensor_context(instance=self.instance, cursor=self.cursor),
            store=self.store,
            settings=self.settings,
        )
        if isinstance(result, dg.SkipReason):
            return result.skip_message or ""
        # as the daemon does, in its order
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        for added in result.dynamic_partitions_requests or ():
            self.instance.add_dynamic_partitions(added.partitions_def_name, added.partition_keys)
        self.cursor = result.cursor or self.cursor
        if result.skip_reason:
            return result.skip_reason.skip_message
        (request,) = result.run_requests
        return request

    def requested(self) -> dg.RunRequest:
        """The request of the second look, which sees the files as the first did."""
        self.tick()
        request = self.tick()
        assert isinstance(request, dg.RunRequest), request
        return request

    def queue(self, request: dg.RunRequest) -> None:
        """Have the request waiting, as the daemon would; a key that was used before makes none."""
        assert request.run_key is not None
        if request.run_key in self.keys:
            return
        self.keys.append(request.run_key)
        run = self._record(request, dg.DagsterRunStatus.NOT_STARTED)
        self.queued = request, run.run_id

    def end(self, how: str) -> None:
        """Let what is queued run: ``well``, ``failed`` or ``cancelled``."""
        assert self.queued is not None
        request, run_id = self.queued
        self.queued = None
        self.instance.delete_run(run_id)
        self.run(request, how)

    def run(self, request: dg.RunRequest, how: str = "well") -> None:
        if how == "cancelled":
            self._record(request, dg.DagsterRunStatus.CANCELED)
            return
        mark = Path(self.store.root) / "fails"
        if how == "failed":
            mark.touch()
        self.job.execute_in_process(
            run_config=request.run_config,
            tags=request.tags,
            instance=self.instance,
            raise_on_error=False,
        )
        mark.unlink(missing_ok=True)

    def _record(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> dg.DagsterRun:
        return self.instance.create_run_for_job(
            self.job, run_config=request.run_config, tags=request.tags, status=status
        )
