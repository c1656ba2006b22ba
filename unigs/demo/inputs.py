"""What a tab takes: a file or an example, strokes or entities painted on it, and settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from unigs.colormap import DECODERS, Palette
from unigs.demo.canvas import BRUSH, BRUSH_SIZE, SHOWN_SIDE, shown, stroke_layer
from unigs.demo.colormap_editor import colormap_editor, to_editor
from unigs.demo.examples import Example
from unigs.demo.upload import read_upload
from unigs.demo.words import known_words
from unigs.errors import UnigsError
from unigs.tasks import Task

OWN = "the model's own"
MOST_STEPS = 200
_LARGEST = 512


def canvas_of(pipeline: Any, task: Task) -> Any:
    """Return what a task shows of its input: the colormap editor, a picture with brush and eraser
    where it takes a coarse mask, else the picture."""
    if task.control == "colormap":
        palette = Palette.from_name(pipeline.config["palette"])
        words = known_words(pipeline.tokenizer)
        side = pipeline.config["size"] or _LARGEST
        return colormap_editor(palette, side, words, f"canvas-{task.name}")
    if task.coarse != "sampled":
        label = "photograph, as the model gets it"
        return gr.Image(label=label, format="png", interactive=False, elem_id=f"canvas-{task.name}")
    return gr.ImageEditor(
        None,
        type="pil",
        label="canvas: brush and eraser",
        sources=(),
        transforms=(),
        layers=False,
        brush=gr.Brush(BRUSH_SIZE, colors=[BRUSH], color_mode="fixed"),
        eraser=gr.Eraser(BRUSH_SIZE),
        placeholder="load, paste or take an example",
        format="png",
        canvas_size=(SHOWN_SIDE, SHOWN_SIDE),
        elem_id=f"canvas-{task.name}",
    )


def on_canvas(picture: np.ndarray, mask: np.ndarray | None = None) -> dict[str, Any]:
    """Return the editor's value of a picture (h, w, 3) uint8, painted on where `mask` is."""
    layers = [] if mask is None else [stroke_layer(mask)]
    return {"background": shown(picture), "layers": layers, "composite": None}


def put_on(task: Task, palette: Palette, picture: np.ndarray) -> Any:
    """Return the value that `canvas_of` a task takes of a picture (h, w, 3) uint8."""
    if task.control == "colormap":
        return to_editor(picture, palette)
    return on_canvas(picture) if task.coarse == "sampled" else shown(picture)


def example_picture(task: Task, example: Example) -> np.ndarray:
    """Return what a task takes of an example."""
    return example.colormap if task.control == "colormap" else example.image


def advanced(task: Task) -> list[Any]:
    """Lay out the settings; return them in the order of `unigs.demo.tab.runner`."""
    with gr.Accordion("advanced", open=False):
        steps = gr.Slider(0, MOST_STEPS, 0, step=1, label=f"steps (0: {OWN})")
        guidance = gr.Slider(0, 15, 0, label=f"guidance (0: {OWN})")
        seed = gr.Number(0, precision=0, label="seed")
        decoder = gr.Dropdown([(OWN, ""), *DECODERS], value="", label="decoder of the colormap")
        smooth = gr.Radio(
            [("pixels", False), ("smooth", True)], value=False, label="small results are enlarged"
        )
        keep = gr.Checkbox(
            True, label="keep the picture outside the strokes",
            visible=task.control == "masked_image",
        )  # fmt: skip
    return [steps, guidance, seed, decoder, keep, smooth]


def loader(task: Task, palette: Palette) -> Callable[[str], tuple[Any, Any, Any, Any, str]]:
    """Return what takes in an uploaded file: (what stays in its field, picture, canvas, drawing,
    status)."""

    def load(path: str) -> tuple[Any, Any, Any, Any, str]:
        try:
            pixels = read_upload(path, colormap=task.control == "colormap")
        except UnigsError as error:
            # The colormap editor goes on to show what was drawn, and it stays what is worked on.
            left = gr.skip() if task.control == "colormap" else None
            return None, left, left, left, sentence(error)
        said = worked_on(Path(path).name, pixels)
        return None, pixels, put_on(task, palette, pixels), None, said

    return load


def worked_on(name: str, pixels: np.ndarray) -> str:
    """Return what the page says of a picture (h, w, 3) that was loaded."""
    return f"{name}: {pixels.shape[1]}x{pixels.shape[0]} pixels are worked on."


def choose_example(
    task: Task, palette: Palette, examples: Sequence[Example]
) -> Callable[[gr.SelectData], Any]:
    """Return what a click on an example does: (picture, canvas, drawing, status, names)."""

    def choose(event: gr.SelectData) -> tuple[Any, Any, Any, str, Any]:
        example = examples[event.index]
        pixels = example_picture(task, example)
        names = example.thing if task.coarse == "sampled" else example.names
        said = worked_on(f"Example {event.index + 1}", pixels)
        return pixels, put_on(task, palette, pixels), None, said, names

    return choose


def sentence(error: UnigsError) -> str:
    """Return what the page says of an error, in Markdown."""
    text = str(error)
    return f"**{text[:1].upper()}{text[1:]}.**"
