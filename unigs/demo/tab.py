"""The tab of one task: inputs on the left, the answer on the right, and what its buttons do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from unigs.colormap import Palette
from unigs.demo.about import HINTS
from unigs.demo.answer import COLUMNS, TabInput, TabOutput, answer
from unigs.demo.canvas import shown
from unigs.demo.colormap_editor import Drawn, drawn
from unigs.demo.examples import Example
from unigs.demo.inputs import (
    advanced,
    canvas_of,
    choose_example,
    example_picture,
    loader,
    on_canvas,
    sentence,
)
from unigs.demo.preview import DenoisingStep, told_and_result
from unigs.errors import UnigsError
from unigs.tasks import Task

logger = logging.getLogger(__name__)


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
    palette = Palette.from_name(pipeline.config["palette"])
    with gr.Tab(task.name, id=task.name):
        gr.Markdown(HINTS[task.name])
        picture, drawing = gr.State(None), gr.State(None)
        found, chosen = gr.State(None), gr.State(None)
        with gr.Row():
            with gr.Column():
                file = gr.File(
                    label="colormap" if task.control == "colormap" else "photograph",
                    height=140,
                )
                canvas = canvas_of(pipeline, task)
                names = gr.Textbox(
                    label="class names, with commas between",
                    placeholder=examples[0].names if examples else "dog, ball",
                    visible=task.takes_names,
                )
                fields = advanced(task)
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
                    image, colormap = _picture("image", task), _picture("colormap", task)
                table = gr.Dataframe(headers=list(COLUMNS), label="entities", interactive=False)
                files = gr.Files(
                    label="download: PNG, COCO results, COCO panoptic", interactive=False
                )
    shown_parts = [status, found, chosen, overlay, image, colormap, table, files]
    loaded = [picture, canvas, drawing, status]
    # emptied again, so that the next picture can be dropped or pasted there
    file.upload(loader(task, palette), [file], [file, *loaded])
    gallery.select(choose_example(task, palette, examples), None, [*loaded, names])
    painted = drawing
    if task.control == "colormap":
        canvas.input(take_drawing, None, [drawing, status])
    elif task.coarse == "sampled":
        canvas.clear(lambda: (None, ""), None, [picture, status])
        painted = canvas
    button.click(
        runner(pipeline, task, folder), [picture, painted, names, *fields], shown_parts,
        # one at a time: a run leaves its steps in the scheduler, which all runs share
        concurrency_id="model", concurrency_limit=1, api_name=task.name,
    )  # fmt: skip
    overlay.select(choose_entity, [found], [chosen, status])
    return Tab(task, picture, canvas, status, found, chosen, buttons)


def take_drawing(event: gr.EventData) -> tuple[Any, str]:
    """Take what the colormap editor sends: (drawing, status)."""
    try:
        sent = {name: getattr(event, name, None) for name in ("width", "height", "labels", "names")}
        found = drawn(sent)
    except UnigsError as error:
        return None, sentence(error)
    return found, ""


def _picture(name: str, task: Task) -> Any:
    buttons: list[Any] = ["download", "fullscreen"]
    place = f"{name}-{task.name}"
    return gr.Image(label=name, format="png", interactive=False, buttons=buttons, elem_id=place)


def choose_entity(found: TabOutput | None, event: gr.SelectData) -> tuple[Any, str]:
    """Remember the entity that was chosen: (its place, status)."""
    if found is None or not 0 <= event.index < len(found.entities):
        return None, ""
    label = found.entities[event.index][1]
    return event.index, f"Chosen: entity {label}. The buttons below the picture take it on."


def hand_over(
    name: str, found: TabOutput | None, chosen: int | None
) -> tuple[Any, Any, Any, Any, Any]:
    """Make the chosen entity the coarse mask of the tab of that name, and open it: (picture,
    canvas, status, open tab, status of the tab that it comes from)."""
    if found is None or chosen is None:
        return *[gr.skip()] * 4, "**Choose an entity first: by its name below the picture.**"
    mask = found.masks[chosen]
    status = f"The coarse mask is entity {found.entities[chosen][1]}."
    canvas = on_canvas(found.picture, mask)
    return found.picture, canvas, status, gr.Tabs(selected=name), gr.skip()


def runner(pipeline: Any, task: Task, folder: Path) -> Callable[..., Any]:
    """Return what the button does: previews, then the answer. It never raises, a fault becomes a
    sentence."""

    def run(
        picture: np.ndarray | None,
        painted: dict[str, Any] | Drawn | None,
        names: str,
        steps: int,
        guidance: float,
        seed: int,
        decoder: str,
        keep: bool,
        smooth: bool,
        progress: Any = gr.Progress(),  # noqa: B008  # how gradio hands one in
    ) -> Iterator[tuple[Any, ...]]:
        sketch = painted if isinstance(painted, Drawn) else None
        layers = painted["layers"] if isinstance(painted, dict) else []
        request = TabInput(
            task.name, picture, layers, names, steps, guidance, seed, decoder, keep, smooth, sketch
        )
        work = partial(answer, pipeline, request, folder)
        try:
            for found in told_and_result(work):
                if isinstance(found, DenoisingStep):
                    progress((found.number, found.total))
                    if found.image is not None:
                        yield preview(found, smooth)
                else:
                    yield answered(found)
        except UnigsError as error:
            yield sentence(error), *[gr.skip()] * 7
        except Exception:
            logger.exception("the demo failed on %s", task.name)
            yield "**Something went wrong here; the terminal says what.**", *[gr.skip()] * 7

    return run


def preview(step: DenoisingStep, smooth: bool) -> tuple[Any, ...]:
    """Return what the page shows of a step: its number, image and colormap so far."""
    assert step.image is not None
    assert step.colormap is not None
    pictures = shown(step.image, smooth), shown(step.colormap, smooth)
    status = f"Step {step.number} of {step.total}."
    return status, gr.skip(), gr.skip(), gr.skip(), *pictures, gr.skip(), gr.skip()


def answered(found: TabOutput) -> tuple[Any, ...]:
    """Return what the page shows of an answer."""
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
