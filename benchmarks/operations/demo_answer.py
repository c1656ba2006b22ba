"""How long a visitor of the demo waits for the first answer: from the press of the button to the
entities on the page, in headless Chromium.

    python -m benchmarks.operations.demo_answer --model DIR [--threads 2]

Starts `unigs demo` as people do, opens its page for each task anew, takes the first example (paints
a stroke or takes its colormap where the task wants one) and presses the button. Prints a line per
task and how long the page took from the command to its address. Needs `pip install playwright` and
Chromium. The limit is 3 s for a model of the preset `tiny` on two cores.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil

from unigs.tasks import TASKS
from unigs.workflows.ports import LOCAL

LIMIT = 3.0
# Milliseconds to wait for anything.
_PATIENCE = 120_000


@dataclass(frozen=True)
class Page:
    """A page that is served: its address, the seconds until it was told, the server's process."""

    address: str
    started: float
    process: int


def busy(page: Page) -> np.ndarray:
    """Return the seconds of CPU time that the server and the browser have taken, as two numbers."""
    browser = [one for one in psutil.Process().children(recursive=True) if "chrom" in one.name()]
    sides = [[psutil.Process(page.process)], browser]
    return np.array([sum(sum(one.cpu_times()[:2]) for one in side) for side in sides])


@contextmanager
def served(model: str, threads: int) -> Iterator[Page]:
    """Run `unigs demo`; yield its page."""
    with socket.socket() as probe:
        probe.bind((LOCAL, 0))
        port = probe.getsockname()[1]
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "unigs", "demo", "--model", model, "--port", str(port)],
        stderr=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        if not any("http" in line for line in process.stderr):
            raise SystemExit("unigs demo did not start")
        yield Page(f"http://{LOCAL}:{port}/", time.perf_counter() - began, process.pid)
    finally:
        process.terminate()
        process.wait()


def first_answer(browser: Any, served_page: Page, task: str) -> tuple[float, np.ndarray]:
    """Return the seconds from a press to the entities of a task on a page of its own, and the CPU
    time of that, as `busy` gives it."""
    page = browser.new_page(viewport={"width": 1300, "height": 1600})
    page.set_default_timeout(_PATIENCE)
    page.goto(served_page.address)
    page.get_by_role("tab", name=task).click()
    panel = page.locator("div[role=tabpanel]:visible")
    panel.locator(".gallery-item").first.click()
    page.wait_for_selector(f"#status-{task} >> text=Example 1")
    page.wait_for_timeout(1000)
    if TASKS[task].coarse == "sampled":
        stroke(page, task)
    began, before = time.perf_counter(), busy(served_page)
    page.locator(f"#run-{task}").click()
    page.wait_for_selector(f"#status-{task} >> text=Entities")
    page.wait_for_selector(f"#overlay-{task} img")
    took = time.perf_counter() - began, busy(served_page) - before
    page.close()
    return took


def stroke(page: Any, task: str) -> None:
    """Paint a stroke across the middle of a task's canvas."""
    page.locator(f"#canvas-{task}").get_by_label("Brush").first.click()
    box = page.locator(f"#canvas-{task} canvas").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 40, y - 40)
    page.mouse.down()
    page.mouse.move(x + 40, y + 40, steps=8)
    page.mouse.up()


def main() -> int:
    """Measure each task; end with 1 if one is above the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", required=True, help="folder of a model that does all tasks")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    slow = []
    with served(options.model, options.threads) as page, sync_playwright() as driver:
        print(f"from the command to the address: {page.started:.1f} s", flush=True)
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for task in TASKS:
            took, work = first_answer(browser, page, task)
            told = f"CPU time of the server {work[0]:.2f} s, of the browser {work[1]:.2f} s"
            print(f"{task}: {took:.2f} s from the press to the entities; {told}", flush=True)
            slow += [task] if took > LIMIT else []
        browser.close()
    if slow:
        print(f"above {LIMIT:g} s: {', '.join(slow)}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
