"""A headless Chromium for tests; they are skipped where it or playwright is missing."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

MILLISECONDS = 60_000


@contextmanager
def chromium_page() -> Iterator[Any]:
    """Yield a page; each line that its console calls an error is in ``page.errors``, each address
    that it asked for in ``page.requested``."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
    )
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(MILLISECONDS)
        page.errors, page.requested = [], []
        page.on(
            "console",
            lambda line: page.errors.append(line.text) if line.type == "error" else None,
        )
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("request", lambda request: page.requested.append(request.url))
        yield page
        browser.close()
