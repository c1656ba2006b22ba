"""The page in a browser: a stroke, a press, another picture; every bad upload is a sentence."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.operations.demo_answer import stroke
from tests.demo.browser import SECONDS, press, take_example
from tests.demo.test_upload import BAD
from tests.support.models.tiny_pipeline import PALETTE, SIZE, pictures
from unigs.colormap import Palette
from unigs.tasks import TASKS

pytestmark = pytest.mark.slow

pytest.importorskip("gradio")


def test_a_stroke_and_a_press_change_the_picture(visit):
    page, panel = visit("referring")
    take_example(page, panel, 0)
    page.locator("#run-referring").click()
    page.wait_for_selector("#status-referring >> text=Nothing is painted", timeout=SECONDS)
    assert page.locator("#overlay-referring img").count() == 0
    stroke(page, "referring")
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
