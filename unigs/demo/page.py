"""The page: a tab for each task of the model, its card, and how it is served."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from unigs.colormap import Palette
from unigs.demo.about import headline, model_card
from unigs.demo.answer import KEPT_SECONDS, TabInput, answer
from unigs.demo.canvas import stroke_layer
from unigs.demo.examples import draw_examples
from unigs.demo.look import NAMES, look
from unigs.demo.tab import Tab, build_tab, hand_over
from unigs.demo.upload import MAX_MEGABYTES
from unigs.tasks import TASKS

# A pasted picture goes where one would be dropped, in the tab that is open.
_PASTE = """() => document.addEventListener("paste", event => {
  const file = event.clipboardData.files[0];
  const inputs = [...document.querySelectorAll("[role=tabpanel] input[type=file]")];
  const open = inputs.find(input => input.closest("[role=tabpanel]").offsetParent !== null);
  if (!file || !open) return;
  const pasted = new DataTransfer();
  pasted.items.add(file);
  open.files = pasted.files;
  open.dispatchEvent(new Event("change", {bubbles: true}));
})"""
# People who wait; the next ones are asked to come back.
QUEUE = 16


def build_page(pipeline: Any, name: str, source: Path, folder: Path) -> Any:
    """Return the page as a gradio Blocks, telemetry off.

    Args:
        name: of the model, for people.
        source: folder of the model, which may hold a card.
        folder: in which answers put files to download.
    """
    palette = Palette.from_name(pipeline.config["palette"])
    examples = draw_examples(palette, pipeline.config["size"])
    kinds = [task for task in TASKS.values() if task.name in pipeline.config["tasks"]]
    with gr.Blocks(
        title=f"UniGS: {name}", analytics_enabled=False, delete_cache=(KEPT_SECONDS, KEPT_SECONDS)
    ) as page:
        gr.Markdown(headline(pipeline, name))
        with gr.Tabs() as tabs:
            targets = [task.name for task in kinds if task.coarse == "sampled"]
            built = [build_tab(pipeline, task, examples, targets, folder) for task in kinds]
        _connect(tabs, built)
        page.load(None, js=_PASTE)
        page.load(None, js=NAMES)
        with gr.Accordion("model card", open=False):
            gr.Markdown(model_card(source))
    return page


def _connect(tabs: Any, built: list[Tab]) -> None:
    """Let the buttons of each tab take its chosen entity to the others, and open them."""
    by_name = {tab.task.name: tab for tab in built}
    for tab in built:
        for name, button in tab.hand_over.items():
            target = by_name[name]
            button.click(
                partial(hand_over, name),
                [tab.answered, tab.chosen],
                [target.picture, target.canvas, target.status, tabs, tab.status],
            )


def warm_up(pipeline: Any, folder: Path) -> None:
    """Run once, so that the first visitor does not wait for kernels and caches."""
    side = pipeline.config["size"] or 64
    task = TASKS["entity" if "entity" in pipeline.config["tasks"] else pipeline.config["tasks"][0]]
    picture = np.zeros((side, side, 3), np.uint8)
    picture[: side // 2] = 200
    strokes = [stroke_layer(np.ones((side, side), bool))] if task.coarse == "sampled" else []
    answer(pipeline, TabInput(task.name, picture, strokes, names="thing", steps=1), folder)


def serve(page: Any, address: str, port: int, login: tuple[str, str] | None) -> None:
    """Serve the page until interrupted. It is never shared over Gradio's servers."""
    page.queue(max_size=QUEUE, default_concurrency_limit=4)
    page.launch(
        server_name=address,
        server_port=port,
        auth=login,
        share=False,
        max_file_size=f"{MAX_MEGABYTES}mb",
        quiet=True,
        **look(),
    )
