"""The page of a miniature model in a headless Chromium; skipped without playwright or Chromium."""

import shutil

import pytest

from tests.demo.browser import SECONDS
from tests.support.servers.ports import free_port

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where the page of a miniature model is served."""
    from tests.support.models.tiny_pipeline import SIZE, tiny_pipeline
    from unigs.demo.look import look
    from unigs.demo.page import build_page

    folder = tmp_path_factory.mktemp("answers")
    port = free_port()
    page = build_page(tiny_pipeline(size=SIZE), "miniature", folder, folder)
    page.queue().launch(
        server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True, **look()
    )
    yield f"http://127.0.0.1:{port}/"
    page.close()


@pytest.fixture(scope="module")
def chromium():
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="needs playwright (pip install playwright) and chromium"
    )
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine (Debian: apt install chromium)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, address):
    """Open a tab of the page; return (page, panel)."""
    page = chromium.new_page(viewport={"width": 1300, "height": 1600})
    page.set_default_timeout(SECONDS)
    faults = []
    page.on("pageerror", lambda fault: faults.append(fault))
    page.goto(address)

    def open_tab(task):
        page.get_by_role("tab", name=task).click()
        return page, page.locator("div[role=tabpanel]:visible")

    yield open_tab
    page.close()
    assert not faults
