"""What the page shows while a run goes on, and an entity that goes from task to task."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from benchmarks.operations.demo_answer import Page, first_answer
from tests.demo.browser import SECONDS, press, take_example

pytestmark = pytest.mark.slow

pytest.importorskip("gradio")

# Notes, each time that something is shown, what the status says and which pictures are there.
WATCH = """task => {
  window.seen = [];
  const look = () => {
    const pictures = ["image", "colormap"].map(
      name => document.querySelector(`#${name}-${task} img`)?.src ?? "");
    window.seen.push([document.querySelector(`#status-${task}`)?.innerText ?? "", ...pictures]);
  };
  new MutationObserver(look).observe(
    document.body, {subtree: true, childList: true, attributes: true, characterData: true});
}"""


def test_the_preview_changes_before_the_answer_comes(visit):
    page, panel = visit("entity")
    take_example(page, panel, 0)
    panel.get_by_role("button", name="advanced").click()
    panel.get_by_label("number input for steps").fill("12")
    panel.get_by_label("number input for steps").press("Enter")
    page.evaluate(WATCH, "entity")
    press(page, "entity")
    seen = page.evaluate("window.seen")
    first = next(place for place, (said, *_) in enumerate(seen) if "Entities" in said)
    during = [one for one in seen[:first] if "of 12" in one[0] and one[2]]
    told = list(dict.fromkeys(said.strip() for said, *_ in during))
    assert len(told) >= 2, told
    shown = list(dict.fromkeys(colormap for *_, colormap in during))
    assert len(shown) >= 2
    before, after = (
        np.asarray(Image.open(io.BytesIO(page.request.get(place).body()))) for place in shown[:2]
    )
    assert before.shape == after.shape
    assert not np.array_equal(before, after)
    assert page.locator("#colormap-entity img").get_attribute("src") != shown[0]


def test_a_chosen_entity_becomes_the_coarse_mask_of_the_next_task(visit):
    page, panel = visit("entity")
    take_example(page, panel, 0)
    press(page, "entity")
    use = panel.get_by_role("button", name="use the chosen entity for referring")
    use.click()
    page.wait_for_selector("#status-entity >> text=Choose an entity first", timeout=SECONDS)
    page.locator("#overlay-entity button", has_text="px").first.click()
    page.wait_for_selector("#status-entity >> text=Chosen: entity 1", timeout=SECONDS)
    use.click()
    page.wait_for_selector("#status-referring >> text=coarse mask is entity", timeout=SECONDS)
    assert page.get_by_role("tab", name="referring").get_attribute("aria-selected") == "true"


def test_the_benchmark_measures_what_a_visitor_waits_for(chromium, address):
    served = Page(address, started=0.0, process=os.getpid())
    took, work = first_answer(chromium, served, "entity")
    assert took > 0
    server, browser = work
    assert server > 0
    assert browser > 0
