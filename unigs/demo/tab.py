"""The tab of one task: inputs on the left, the answer on the right, and what its buttons do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from unigs.colormap import DECODERS
from unigs.demo.about import HINTS
from unigs.demo.answer import COLUMNS, Answer, Request, answer
from unigs.demo.canvas import (
    BRUSH,
    BRUSH_SIZE,
    ENTITY_COLORS,
    SHOWN_SIDE,
    shown,
    stroke_layer,
)
from unigs.demo.examples import Example
from unigs.demo.upload import read_upload
from unigs.errors import UnigsError
from unigs.tasks import Task

logger = logging.getLogger(__name__)
OWN = "the model's own"
MOST_STEPS = 200


@dataclass(frozen=True, slots=True)
class Tab:
    """The parts of a tab that others act on; `hand_over` are the buttons that take the chosen
    entity to another task, by its name."""

    task: Task
    picture: Any
    canvas: Any
    status: Any
    answered: Any
    chosen: Any
    hand_over: dict[str, Any]


def build_tab(
    pipeline: Any, task: Task, examples: Sequence[Example], targets: Sequence[str], folder: Path
) -> Tab:
    """Lay out the tab of a task within an open `gr.Tabs`, and connect its parts.

    Args:
        targets: tasks that take an entity as their coarse mask.
        folder: where answers put files to download.
    """
    with gr.Tab(task.name, id=task.name):
        gr.Markdown(HINTS[task.name])
        picture, answered, chosen = gr.State(None), gr.State(None), gr.State(None)
        with gr.Row():
            with gr.Column():
                file = gr.File(
                    label="colormap" if task.control == "colormap" else "photograph",
                    height=140,
                )
                canvas = _canvas(task)
                names = gr.Textbox(
                    label="class names, with commas between",
                    placeholder=examples[0].names if examples else "dog, ball",
                    visible=task.takes_names,
                )
                fields = _advanced(task)
                button = gr.Button("Run", variant="primary", elem_id=f"run-{task.name}")
                status = gr.Markdown(elem_id=f"status-{task.name}")
                gallery = gr.Gallery(
                    [example_picture(task, one) for one in examples],
                    label="examples", columns=6, height=130, allow_preview=False,
                )  # fmt: skip
            with gr.Column():
                overlay = gr.AnnotatedImage(
                    label="entities: point at one to see it, choose it by its name",
                    format="png", elem_id=f"overlay-{task.name}",
                )  # fmt: skip
                with gr.Row():
                    buttons = {
                        name: gr.Button(f"use the chosen entity for {name}", size="sm")
                        for name in targets
                    }
                with gr.Row():
                    image, colormap = _picture("image"), _picture("colormap")
                table = gr.Dataframe(headers=list(COLUMNS), label="entities", interactive=False)
                files = gr.Files(
                    label="download: PNG, COCO results, COCO panoptic", interactive=False
                )
    shown_parts = [status, answered, chosen, overlay, image, colormap, table, files]
    loaded = [picture, canvas, status]
    # emptied again, so that the next picture can be dropped or pasted there
    read = partial(load, colormap=task.control == "colormap")
    file.upload(read, [file], [file, *loaded])
    canvas.clear(lambda: (None, ""), None, [picture, status])
    gallery.select(choose_example(task, examples), None, [*loaded, names])
    button.click(
        runner(pipeline, task, folder), [picture, canvas, names, *fields], shown_parts,
        # one at a time: a run leaves its steps in the scheduler, which all runs share
        concurrency_id="model", concurrency_limit=1, api_name=task.name,
    )  # fmt: skip
    overlay.select(choose_entity, [answered], [chosen, status])
    return Tab(task, picture, canvas, status, answered, chosen, buttons)


def _picture(name: str) -> Any:
    buttons: list[Any] = ["download", "fullscreen"]
    return gr.Image(label=name, format="png", interactive=False, buttons=buttons)


def _canvas(task: Task) -> Any:
    colors: list[str | tuple[str, float]] = [BRUSH]
    if task.control == "colormap":
        colors = [f"rgb{color}" for color in ENTITY_COLORS.values()]
    paints = task.control == "colormap" or task.coarse == "sampled"
    return gr.ImageEditor(
        empty_canvas(task),
        type="pil",
        label="canvas: brush and eraser" if paints else "photograph, as the model gets it",
        sources=(),
        transforms=(),
        layers=False,
        brush=gr.Brush(BRUSH_SIZE, colors=colors, color_mode="fixed") if paints else False,
        eraser=gr.Eraser(BRUSH_SIZE) if paints else False,
        placeholder="load, paste or take an example",
        format="png",
        canvas_size=(SHOWN_SIDE, SHOWN_SIDE),
        elem_id=f"canvas-{task.name}",
    )


def empty_canvas(task: Task) -> Any:
    """Return the canvas before anything is loaded: black to paint a colormap on, else none."""
    if task.control != "colormap":
        return None
    return on_canvas(np.zeros((SHOWN_SIDE, SHOWN_SIDE, 3), np.uint8))


def on_canvas(picture: np.ndarray, mask: np.ndarray | None = None) -> dict[str, Any]:
    """Return the editor's value of a picture (h, w, 3) uint8, painted on where `mask` is."""
    layers = [] if mask is None else [stroke_layer(mask)]
    return {"background": shown(picture), "layers": layers, "composite": None}


def example_picture(task: Task, example: Example) -> np.ndarray:
    """Return what a task takes of an example."""
    return example.colormap if task.control == "colormap" else example.image


def _advanced(task: Task) -> list[Any]:
    with gr.Accordion("advanced", open=False):
        steps = gr.Slider(0, MOST_STEPS, 0, step=1, label=f"steps (0: {OWN})")
        guidance = gr.Slider(0, 15, 0, label=f"guidance (0: {OWN})")
        seed = gr.Number(0, precision=0, label="seed")
        decoder = gr.Dropdown([(OWN, ""), *DECODERS], value="", label="decoder of the colormap")
        smooth = gr.Radio(
            [("pixels", False), ("smooth", True)], value=False, label="small answers are enlarged"
        )
        keep = gr.Checkbox(
            True, label="keep the picture outside the strokes",
            visible=task.control == "masked_image",
        )  # fmt: skip
    return [steps, guidance, seed, decoder, keep, smooth]


def load(path: str, *, colormap: bool = False) -> tuple[Any, Any, Any, str]:
    """Take in an uploaded file: (what stays in its field, picture, canvas, status)."""
    try:
        pixels = read_upload(path, colormap=colormap)
    except UnigsError as error:
        return None, None, None, sentence(error)
    return None, pixels, on_canvas(pixels), worked_on(Path(path).name, pixels)


def worked_on(name: str, pixels: np.ndarray) -> str:
    """Return what the page says of a picture (h, w, 3) that was loaded."""
    return f"{name}: {pixels.shape[1]}x{pixels.shape[0]} pixels are worked on."


def choose_example(task: Task, examples: Sequence[Example]) -> Callable[[gr.SelectData], Any]:
    """Return what a click on an example does."""

    def choose(event: gr.SelectData) -> tuple[Any, Any, str, Any]:
        example = examples[event.index]
        pixels = example_picture(task, example)
        names = example.thing if task.coarse == "sampled" else example.names
        return pixels, on_canvas(pixels), worked_on(f"Example {event.index + 1}", pixels), names

    return choose


def choose_entity(found: Answer | None, event: gr.SelectData) -> tuple[Any, str]:
    """Remember the entity that was chosen: (its place, status)."""
    if found is None or not 0 <= event.index < len(found.entities):
        return None, ""
    label = found.entities[event.index][1]
    return event.index, f"Chosen: entity {label}. The buttons below the picture take it on."


def hand_over(found: Answer | None, chosen: int | None) -> tuple[Any, Any, str]:
    """Make the chosen entity the coarse mask of another tab: (picture, canvas, status)."""
    if found is None or chosen is None:
        return gr.skip(), gr.skip(), "**Choose an entity first: by its name below the picture.**"
    mask = found.masks[chosen]
    status = f"The coarse mask is entity {found.entities[chosen][1]}."
    return found.picture, on_canvas(found.picture, mask), status


def runner(pipeline: Any, task: Task, folder: Path) -> Callable[..., Any]:
    """Return what the button does: it never raises, a fault becomes a sentence."""

    def run(
        picture: np.ndarray | None,
        editor: dict[str, Any] | None,
        names: str,
        steps: int,
        guidance: float,
        seed: int,
        decoder: str,
        keep: bool,
        smooth: bool,
        progress: Any = gr.Progress(),  # noqa: B008  # how gradio hands one in
    ) -> tuple[Any, ...]:
        layers = editor["layers"] if editor else []
        request = Request(
            task.name, picture, layers, names, steps, guidance, seed, decoder, keep, smooth
        )
        try:
            found = answer(pipeline, request, folder, lambda now, all: progress((now, all)))
        except UnigsError as error:
            return sentence(error), *[gr.skip()] * 7
        except Exception:
            logger.exception("the demo failed on %s", task.name)
            return "**Something went wrong here; the terminal says what.**", *[gr.skip()] * 7
        overlay = gr.update(
            value=(found.base, [(mask, label) for mask, label, _ in found.entities]),
            color_map={label: color for _, label, color in found.entities},
        )
        said = f"Entities: {len(found.rows)}."
        if len(found.rows) > len(found.entities):
            said += f" The {len(found.entities)} largest are shown."
        status = " ".join([said, *(f"**{warning}.**" for warning in found.warnings)])
        return (
            status, found, None, overlay, found.image, found.colormap, found.rows, found.files,
        )  # fmt: skip

    return run


def sentence(error: UnigsError) -> str:
    """Return what the page says of an error, in Markdown."""
    text = str(error)
    return f"**{text[:1].upper()}{text[1:]}.**"
