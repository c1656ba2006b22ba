"""Both interfaces over a finished store, in a browser: the graph, a re-run, links between them, the
sensor's switch."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from resources.mlflow.links import DAGSTER_VARIABLE, MLFLOW_VARIABLE
from tests.e2e.command import environment, unigs, write_preset
from tests.support.servers.browser import chromium_page
from tests.support.servers.ports import free_port

pytestmark = pytest.mark.slow

KINDS = ("weights", "model", "report", "gate")


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    with chromium_page() as page:
        yield page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("interfaces")


@pytest.fixture(scope="module")
def dagster(page: Any, folder: Path) -> Iterator[str]:
    """The address of Dagster over a store with one run; the browser first, to skip without one."""
    training = {"steps": 2, "validate_every": 2, "processes": 1}
    preset = write_preset(folder / "smoke.yaml", training, train_scenes=8, val_scenes=4)
    ports = [free_port(), free_port()]
    with pytest.MonkeyPatch.context() as patch:
        for name, port in zip((DAGSTER_VARIABLE, MLFLOW_VARIABLE), ports, strict=True):
            patch.setenv(name, f"http://127.0.0.1:{port}")
        unigs("run", "--preset", preset, "--store", folder / "store")
    with (folder / "log").open("w") as log:
        servers = subprocess.Popen(
            [sys.executable, "-m", "pipelines.ui", "--store", str(folder / "store"),
             "--dagster-port", str(ports[0]), "--mlflow-port", str(ports[1])],
            env=environment(), stderr=log,
        )  # fmt: skip
    try:
        for port in ports:
            answers(f"http://127.0.0.1:{port}", servers, folder / "log")
        said = (folder / "log").read_text()
        assert not re.search("warning|error|Traceback", said, re.IGNORECASE), said
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        servers.send_signal(signal.SIGINT)
        assert servers.wait(timeout=120) == 0


def answers(address: str, servers: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + 240
    while True:
        assert servers.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)


def shown(page: Any, name: str) -> None:
    """Keep a picture where `UNIGS_PICTURES` says: those of the documentation are made so."""
    if folder := os.environ.get("UNIGS_PICTURES"):
        page.wait_for_timeout(1500)
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_the_nodes_of_a_model_are_told_apart(page: Any, dagster: str) -> None:
    group = f"{dagster}/locations/shapes-smoke/asset-groups/model_joint"
    page.set_viewport_size({"width": 2200, "height": 1600})
    page.goto(f"{group}/list")
    for kind in KINDS:
        page.get_by_text(f"shapes-smoke / joint_{kind}", exact=True).first.wait_for()
    page.goto(f"{group}/lineage")
    # nodes outside of the window are not drawn
    for kind in KINDS[1:]:
        page.get_by_text(f"joint_{kind}", exact=True).first.wait_for()
    assert page.get_by_text("joint", exact=True).count() == 0
    page.get_by_text("Materialized", exact=True).first.wait_for()
    shown(page, "dagster_graph")
    page.set_viewport_size({"width": 1280, "height": 800})


def test_a_partition_is_run_again_and_succeeds(page: Any, dagster: str) -> None:
    page.goto(f"{dagster}/assets/shapes-smoke/shards")
    page.get_by_role("button", name="Materialize").first.click()
    loading = page.get_by_text("Loading pipeline and partition sets")
    loading.first.wait_for(state="hidden", timeout=60_000)
    for part in ("shapes-val", "entity"):
        page.get_by_text("Select a partition or create one").first.click()
        page.get_by_placeholder("Filter partitions").fill(part)
        page.get_by_role("menuitem").filter(has_text=part).first.click()
        page.keyboard.press("Escape")
    page.get_by_text("1 partition", exact=True).wait_for()
    shown(page, "dagster_partition")
    page.get_by_role("button", name="Launch 1 run").click()
    launched = page.get_by_text(re.compile("Launched run "))
    launched.first.wait_for()
    page.goto(f"{dagster}/runs")
    page.get_by_text("partition: shapes-val|entity").first.wait_for()
    page.get_by_text("Success").nth(1).wait_for(timeout=180_000)
    # also of the run that was launched without them
    assert page.get_by_text("unigs/preset: smoke").count() >= 2
    shown(page, "dagster_runs")


def test_a_metric_is_two_clicks_from_the_annotations(page: Any, dagster: str) -> None:
    page.goto(f"{dagster}/assets/shapes-smoke/joint_evaluation_entity")
    page.get_by_text("mlflow_run", exact=True).first.wait_for()
    shown(page, "dagster_asset")
    page.goto(page.locator("a[href*='/#/experiments/']").first.get_attribute("href"))
    page.get_by_text("evaluate joint entity shapes-smoke").first.wait_for()
    page.get_by_text("entity.miou", exact=True).first.wait_for()
    page.get_by_text("+3", exact=True).first.click()
    annotations = page.get_by_text(re.compile(r"^shapes-val\.annotations \([0-9a-f]{36}\)"))
    annotations.last.wait_for()
    shown(page, "mlflow_run")
    annotations.last.click()
    page.get_by_text(re.compile(r"annotations/panoptic_val2017\.json")).first.wait_for()
    shown(page, "mlflow_annotations")


def test_the_sensor_is_switched_on(page: Any, dagster: str, folder: Path) -> None:
    with dg.DagsterInstance.from_config(str(folder / "store" / "dagster")) as instance:
        assert "annotations" not in running(instance)
        page.goto(f"{dagster}/automation")
        link = page.locator("a[href$='/shapes-smoke/sensors/annotations']")
        row = page.locator("[data-index]").filter(has=link)
        # the first box of a row selects it for "Actions"
        row.locator("label").nth(1).click()
        # disabled until the server has answered
        row.locator("input:checked:enabled").wait_for(state="attached")
        assert "annotations" in running(instance)
        shown(page, "dagster_automation")
        link.click()
        # the daemon looks, and says why nothing is launched
        tick = page.locator("tr", has=page.get_by_text("View logs"))
        tick.first.get_by_text("0 runs requested").last.click(timeout=90_000)
        page.get_by_text("no files that could arrive").first.wait_for()


def running(instance: dg.DagsterInstance) -> list[str]:
    states = instance.all_instigator_state()
    return [one.instigator_name for one in states if one.status.value == "RUNNING"]
