"""A web page to try the four tasks, with brush strokes for the coarse mask."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unigs.errors import ConfigError, UnigsError
from unigs.io.mask_file import painted
from unigs.pipeline.initial_noise import seeded_generator
from unigs.pipeline.inputs import as_rgb
from unigs.tasks import task_named
from unigs.workflows.predict_files import split_names

COLUMNS = ("id", "class", "score", "area", "x", "y", "width", "height")
NO_LIMIT_OF_STEPS = 200
EXPLANATION = """# UniGS
One model, four tasks. **inpainting**: load a picture, brush over where to fill, name what to put
there. **synthesis**: load a colormap, name its entities. **referring**: brush over where to look,
name what to find. **entity**: load a picture, get every entity.
"""


def newest_model(store: Path) -> Path:
    """Return the pipeline folder written last below a store; a joint model before single-task ones.

    Raises:
        ConfigError: none there.
    """
    # a hidden folder is one that is still being built
    found = [
        file.parent
        for file in store.rglob("model_index.json")
        if "models" in file.parts
        and not any(part.startswith(".") for part in file.relative_to(store).parts)
    ]
    if not found:
        raise ConfigError("no model", file=store, hint="give --model, or train one: unigs run")

    def order(folder: Path) -> tuple[bool, float]:
        return "joint" in folder.parts, (folder / "model_index.json").stat().st_mtime

    return max(found, key=order)


def strokes_of(editor: Mapping[str, Any]) -> np.ndarray | None:
    """Return the coarse mask (h, w) bool of an image editor's value: wherever a layer was painted
    on.

    None where nothing was painted.
    """
    layers = [painted(layer) for layer in editor["layers"]]
    mask = np.logical_or.reduce(layers) if layers else None
    return mask if mask is not None and mask.any() else None


def predict(
    pipeline: Any,
    task: str,
    editor: Mapping[str, Any] | None,
    names: str,
    steps: int | None,
    guidance: float | None,
    seed: int | None,
    keep: bool,
) -> tuple[Image.Image, Image.Image, Image.Image, list[list[Any]]]:
    """Run the pipeline on what the page holds: image, colormap, overlay and table rows.

    A field of the page that was emptied is None.

    Raises:
        UnigsError: something is missing or wrong; the message is for the page.
    """
    kind = task_named(task)
    if editor is None or editor["background"] is None:
        raise ConfigError("no picture", hint="load one")
    main = "colormap" if kind.control == "colormap" else "image"
    given: dict[str, Any] = {main: as_rgb(editor["background"], main)}
    if kind.coarse == "sampled":
        given["coarse_mask"] = strokes_of(editor)
    if kind.takes_names:
        given["names"] = split_names(names or "")
    if kind.control == "masked_image":
        given["paste_back"] = keep
    output = pipeline(
        task=task,
        num_inference_steps=steps or None,
        guidance_scale=float(guidance or 0) or None,
        generator=seeded_generator(seed),
        **given,
    )
    rows = [
        [entity.id, entity.class_name or "", round(entity.score, 3), entity.area, *entity.bbox]
        for entity in output.entities[0]
    ]
    return output.images[0], Image.fromarray(output.colormaps[0]), output.draw()[0], rows


def build_demo(pipeline: Any) -> Any:
    """Return the page as a gradio Blocks, telemetry off; `launch` it on 127.0.0.1."""
    import gradio as gr

    tasks = list(pipeline.config["tasks"])

    def ask(*values: Any) -> tuple[Any, ...]:
        try:
            return predict(pipeline, *values)
        except UnigsError as error:
            raise gr.Error(str(error)) from error

    with gr.Blocks(title="UniGS", analytics_enabled=False) as page:
        gr.Markdown(EXPLANATION)
        with gr.Row():
            with gr.Column():
                task = gr.Radio(tasks, value=tasks[0], label="task")
                # no mode: Gradio would clip 16-bit pictures to white while it converts them
                editor = gr.ImageEditor(
                    type="pil",
                    image_mode=None,  # type: ignore[arg-type]
                    label="picture, and strokes where to fill",
                )
                names = gr.Textbox(label="class names, with commas between")
                with gr.Row():
                    steps = gr.Slider(
                        0, NO_LIMIT_OF_STEPS, 0, step=1, label="steps (0: the model's own)"
                    )
                    guidance = gr.Slider(0, 15, 0, label="guidance (0: the model's own)")
                    seed = gr.Number(0, precision=0, label="seed")
                keep = gr.Checkbox(True, label="keep the picture outside the strokes")
                button = gr.Button("Run", variant="primary")
            with gr.Column():
                image = gr.Image(label="image", format="png")
                colormap = gr.Image(label="colormap", format="png")
                overlay = gr.Image(label="entities", format="png")
                table = gr.Dataframe(headers=list(COLUMNS), label="entities")
        button.click(
            ask,
            [task, editor, names, steps, guidance, seed, keep],
            [image, colormap, overlay, table],
        )
    return page
