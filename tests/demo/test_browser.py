"""The page in a browser: a stroke, a press, another picture; every bad upload is a sentence."""

import os
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.demo.test_upload import BAD
from tests.support.tiny_pipeline import PALETTE, SIZE, pictures, tiny_pipeline
from unigs.colormap import Palette
from unigs.tasks import TASKS

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
    from unigs.demo.look import look
    from unigs.demo.page import build_page

    folder = tmp_path_factory.mktemp("answers")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    page = build_page(tiny_pipeline(size=SIZE), "miniature", folder, folder)
    page.queue().launch(
        server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True, **look()
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
    faults = []
    page.on("pageerror", lambda fault: faults.append(fault))
    page.goto(address)

    def open_tab(task):
        page.get_by_role("tab", name=task).click()
        return page, page.locator("div[role=tabpanel]:visible")

    yield open_tab
    page.close()
    assert not faults


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
    for number, data in enumerate(BAD.values()):
        file = Path(tmp_path / f"holiday{number}.png")
        file.write_bytes(data)
        panel.locator("input[type=file]").first.set_input_files(file)
        page.wait_for_selector(f"#status-entity >> text=Holiday{number}.png", timeout=SECONDS)
    assert page.locator(".toast-body.error, .error").count() == 0


def test_a_large_photograph_is_answered_in_seconds(visit, tmp_path):
    file = tmp_path / "large.jpg"
    pixels = np.asarray(Image.fromarray(pictures(1)[0]).resize((4000, 3000)))
    Image.fromarray(pixels).save(file)
    page, panel = visit("entity")
    panel.locator("input[type=file]").first.set_input_files(file)
    page.wait_for_selector("#status-entity >> text=1024x768", timeout=SECONDS)
    press(page, "entity")


def painted_at(page, x, y):
    """The colour of the colormap editor at a place, as shares of its sides."""
    return page.evaluate(
        """([x, y]) => {
          const canvas = document.querySelector("#canvas-synthesis canvas");
          const place = [Math.floor(x * canvas.width), Math.floor(y * canvas.height)];
          return [...canvas.getContext("2d").getImageData(...place, 1, 1).data].slice(0, 3);
        }""",
        [x, y],
    )


def drag(page, start, end):
    """Drag over the colormap editor; the places are shares of its sides."""
    box = page.locator("#canvas-synthesis canvas").bounding_box()
    (x, y), (u, v) = (
        (box["x"] + a * box["width"], box["y"] + b * box["height"]) for a, b in (start, end)
    )
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(u, v, steps=6)
    page.mouse.up()


def test_a_dragged_entity_takes_the_colour_of_its_new_place(visit):
    page, panel = visit("synthesis")
    # the drag above is in what the window shows
    page.locator("#canvas-synthesis canvas").scroll_into_view_if_needed()
    colors = Palette.from_name(PALETTE).colors.tolist()
    black = [0, 0, 0]
    drag(page, (0.2, 0.2), (0.3, 0.3))
    assert painted_at(page, 0.25, 0.25) == colors[0]
    panel.get_by_role("button", name="drag").click()
    drag(page, (0.25, 0.25), (0.75, 0.75))
    assert painted_at(page, 0.75, 0.75) == colors[3]
    assert painted_at(page, 0.25, 0.25) == black
    panel.get_by_role("button", name="new entity").click()
    panel.get_by_role("button", name="paint", exact=True).click()
    drag(page, (0.2, 0.7), (0.25, 0.75))
    assert painted_at(page, 0.22, 0.72) == colors[2]
    # by the keyboard: to the right, across the middle
    page.locator("#canvas-synthesis canvas").focus()
    for _ in range(12):
        page.keyboard.press("ArrowUp")
    assert painted_at(page, 0.22, 0.72 - 12 / SIZE) == colors[0]
    panel.get_by_label("class of entity 1").fill("dog")
    panel.get_by_label("class of entity 1").press("Enter")
    press(page, "synthesis")
    panel.get_by_role("button", name="delete entity").click()
    assert panel.locator(".swatch").count() == 1


def test_an_example_is_taken_apart_into_entities(visit):
    page, panel = visit("synthesis")
    take_example(page, panel, 0)
    page.wait_for_selector("#canvas-synthesis .swatch", timeout=SECONDS)
    assert panel.locator(".swatch").count() >= 2
    press(page, "synthesis")


AXE = Path(os.environ.get("UNIGS_AXE") or "node_modules/axe-core/axe.min.js")


@pytest.mark.skipif(not AXE.is_file(), reason="needs axe-core (npm install --no-save axe-core)")
def test_axe_finds_no_serious_fault(visit):
    for task in TASKS:
        page, panel = visit(task)
        if task in ("entity", "synthesis"):
            take_example(page, panel, 0)
            press(page, task)
        page.add_script_tag(path=AXE)
        found = page.evaluate("axe.run()")["violations"]
        faults = [
            (one["id"], node["html"][:200])
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]
        assert not faults, (task, faults)
