"""The page in a browser: a stroke, a press, another picture; every bad upload is a sentence."""

import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.demo.test_upload import BAD
from tests.support.tiny_pipeline import SIZE, pictures, tiny_pipeline

pytestmark = pytest.mark.slow

pytest.importorskip("gradio")
playwright = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright (pip install playwright) and chromium"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SECONDS = 20_000


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where the page of a miniature model is served."""
    from unigs.demo.page import build_page

    folder = tmp_path_factory.mktemp("answers")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    page = build_page(tiny_pipeline(size=SIZE), "miniature", folder, folder)
    page.queue().launch(
        server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True
    )
    yield f"http://127.0.0.1:{port}/"
    page.close()


@pytest.fixture(scope="module")
def chromium():
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
    page.goto(address)

    def open_tab(task):
        page.get_by_role("tab", name=task).click()
        return page, page.locator("div[role=tabpanel]:visible")

    yield open_tab
    page.close()


def press(page, task):
    page.locator(f"#run-{task}").click()
    page.wait_for_selector(f"#status-{task} >> text=Entities", timeout=SECONDS)
    page.wait_for_selector(f"#overlay-{task} img", timeout=SECONDS)


def draw(page, task):
    """Draw a stroke across the canvas."""
    canvas = page.locator(f"#canvas-{task} canvas").first
    page.locator(f"#canvas-{task}").get_by_label("Brush").first.click()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 40, y - 40)
    page.mouse.down()
    page.mouse.move(x + 40, y + 40, steps=8)
    page.mouse.up()


def take_example(page, panel, number):
    panel.locator(".gallery-item").nth(number).click()
    page.wait_for_selector(f"[role=tabpanel]:visible >> text=Example {number + 1}", timeout=SECONDS)
    # until the canvas has drawn it
    page.wait_for_timeout(700)


def test_a_stroke_and_a_press_change_the_picture(visit):
    page, panel = visit("referring")
    take_example(page, panel, 0)
    page.locator("#run-referring").click()
    page.wait_for_selector("#status-referring >> text=Nothing is painted", timeout=SECONDS)
    assert page.locator("#overlay-referring img").count() == 0
    draw(page, "referring")
    press(page, "referring")
    assert page.locator("#overlay-referring img").count() > 0


def test_a_picture_is_pasted(visit, tmp_path):
    page, _ = visit("entity")
    page.evaluate(
        """async () => {
          const canvas = document.createElement("canvas");
          canvas.width = 50;
          canvas.height = 40;
          const blob = await new Promise(done => canvas.toBlob(done));
          const clipboard = new DataTransfer();
          clipboard.items.add(new File([blob], "pasted.png", {type: "image/png"}));
          document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: clipboard}));
        }"""
    )
    page.wait_for_selector("#status-entity >> text=50x40", timeout=SECONDS)
    press(page, "entity")


def test_every_bad_upload_is_a_sentence(visit, tmp_path):
    page, panel = visit("entity")
    faults = []
    page.on("pageerror", lambda fault: faults.append(fault))
    for number, data in enumerate(BAD.values()):
        file = Path(tmp_path / f"holiday{number}.png")
        file.write_bytes(data)
        panel.locator("input[type=file]").first.set_input_files(file)
        page.wait_for_selector(f"#status-entity >> text=Holiday{number}.png", timeout=SECONDS)
    assert page.locator(".toast-body.error, .error").count() == 0
    assert not faults


def test_a_large_photograph_is_answered_in_seconds(visit, tmp_path):
    file = tmp_path / "large.jpg"
    pixels = np.asarray(Image.fromarray(pictures(1)[0]).resize((4000, 3000)))
    Image.fromarray(pixels).save(file)
    page, panel = visit("entity")
    panel.locator("input[type=file]").first.set_input_files(file)
    page.wait_for_selector("#status-entity >> text=1024x768", timeout=SECONDS)
    press(page, "entity")
