"""Time of one look of the sensor at a data set, when nothing changed and when one image is new.

    python -m benchmarks.operations.arrival [--files 100000] [--s3]

The files are empty images in folders of 1,000, and an annotation file for each split; the run that
is said to have succeeded on them is a record in an instance of its own. The look is the whole tick:
listing, state, questions to the instance, cursor. Divided by the sensor's interval, the CPU seconds
of an unchanged look are what it costs to stand still; beside it a bare walk over the same files,
which asks the file system for what any look must know. With ``--s3`` they are objects in a bucket
of a server that only lists, in a process of its own whose time does not count.
"""

import argparse
import itertools
import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg

from assets_defs.arrival.roots import digest_of_listing
from benchmarks.operations.s3_pages import add_object, listing_server
from pipelines.automation import sensors, watch
from pipelines.automation.requests import request_run
from pipelines.automation.run_history import ARRIVAL
from resources.run_settings import GraphSettings
from resources.store import Store
from unigs.index.listing import list_files
from unigs.remote.address import is_address
from unigs.remote.listing import list_objects

_FOLDER = 1000


@dg.asset
def raw(settings: GraphSettings) -> dg.MaterializeResult:
    """As the asset of the graph: the listing that a run had seen."""
    root = settings.root
    looks = list_objects(root).looks if is_address(root) else list_files(Path(root))
    listing = digest_of_listing(looks)
    return dg.MaterializeResult(metadata={"digest": listing})


def make_files(root: Path, count: int) -> None:
    for number in range(count):
        folder = root / "train2017" / f"{number // _FOLDER:04d}"
        if number % _FOLDER == 0:
            folder.mkdir(parents=True)
        (folder / f"{number:08d}.jpg").touch()
    (root / "annotations").mkdir()
    for split in ("train", "val"):
        (root / "annotations" / f"panoptic_{split}2017.json").write_text("{}")


def walk(root: Path) -> float:
    """Return the CPU seconds of asking for size and time of every file."""
    cpu = time.process_time()
    for folder, _, names in os.walk(root):
        for name in names:
            os.stat(os.path.join(folder, name))
    return time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--s3", action="store_true", help="objects of a bucket in place of files")
    arguments = parser.parse_args()
    with ExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory())
        instance = held.enter_context(dg.DagsterInstance.ephemeral())
        root, store = Path(folder, "set"), Store(root=str(Path(folder, "store")))
        address = ""
        if arguments.s3:
            # after a long look an address rests: the next ones would be of nothing
            watch.let_rest = lambda *given: None  # type: ignore[assignment]
            address = held.enter_context(listing_server(arguments.files))
        else:
            make_files(root, arguments.files)
        settings = GraphSettings(dataset="coco_panoptic", root=address or str(root))
        resources = {"store": store, "settings": settings}
        request = request_run(store, settings, "benchmark", tags={ARRIVAL: "benchmark"})
        dg.Definitions(
            assets=[raw], jobs=[dg.define_asset_job("everything")], resources=resources
        ).resolve_job_def("everything").execute_in_process(
            run_config={"resources": {"settings": request.run_config["resources"]["settings"]}},
            tags=request.tags,
            instance=instance,
        )
        cursor: str | None = None
        minutes = itertools.count()
        # a look a minute, as far as the sensor can tell
        sensors.time = lambda: time.time() + 60 * next(minutes)  # type: ignore[assignment]

        def look(what: str) -> float:
            nonlocal cursor
            wall, cpu = time.perf_counter(), time.process_time()
            context = dg.build_sensor_context(instance=instance, cursor=cursor)
            result: Any = sensors.annotations(context, **resources)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            skipped = result if isinstance(result, dg.SkipReason) else result.skip_reason
            if isinstance(result, dg.SensorResult):
                # as the daemon does
                cursor = result.cursor or cursor
                for event in result.asset_events:
                    instance.report_runless_asset_event(event)
                for new in result.dynamic_partitions_requests or ():
                    instance.add_dynamic_partitions(new.partitions_def_name, new.partition_keys)
            said = skipped.skip_message if skipped else "a run is asked for"
            print(f"{what}: {wall:.2f} s wall, {cpu:.2f} s CPU ({said})")
            return cpu

        look("first look")
        look("second look, which reads the annotations")
        idle = look("nothing changed")
        interval = sensors.annotations.minimum_interval_seconds or 30
        print(f"standing still: {idle / interval:.2%} of a core, a look every {interval} s")
        if address:
            add_object()
        else:
            bare = min(walk(root) for _ in range(3))
            ratio = idle / bare
            print(f"a bare walk: {bare:.2f} s CPU; an unchanged look takes {ratio:.2f} times that")
            (root / "train2017" / "new.jpg").touch()
        look("an image more")
        look("the same, which stayed")


if __name__ == "__main__":
    main()
