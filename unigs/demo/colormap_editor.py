"""The colormap editor on the page: what it looks like, what it sends, what it is given.

People paint entities, drag them, give each a class; colours follow the palette as a centre moves.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unigs.colormap import Palette, decode
from unigs.errors import ConfigError

# Longest side that is painted on; a colormap is flat and loses nothing by being enlarged.
SIDE = 256
# Of entities: their labels are bytes.
MOST = 100
_TOOLS = {"paint": "paint", "erase": "erase", "move": "drag"}
_STYLE = """
.tools { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin-bottom: 8px; }
.tools button { border: 1px solid #767676; border-radius: 6px; padding: 4px 10px; }
.tools button[aria-pressed=true] { background: #1d4ed8; color: white; }
canvas { width: 100%; image-rendering: pixelated; touch-action: none; cursor: crosshair; background: black; }
.entities { list-style: none; display: flex; flex-wrap: wrap; gap: 8px; padding: 8px 0; margin: 0; }
.entities li { display: flex; gap: 4px; }
.swatch { width: 28px; height: 28px; border: 2px solid #767676; border-radius: 6px; }
.swatch[aria-pressed=true] { outline: 3px solid #1d4ed8; }
.entities input { width: 8em; border: 1px solid #767676; border-radius: 6px; padding: 2px 6px; }
"""  # noqa: E501  # a line a rule


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What was drawn: `labels` (h, w) int32, 0 = nothing, and the class name of each label from 1,
    "" where none was given."""

    labels: NDArray[np.int32]
    names: tuple[str, ...]

    @property
    def given_names(self) -> list[str]:
        """The distinct names of the entities that are seen."""
        seen = np.unique(self.labels[self.labels > 0]).tolist()
        return list(dict.fromkeys(name for n in seen if (name := self.names[n - 1])))


def colormap_editor(palette: Palette, side: int, words: Sequence[str], label: str) -> Any:
    """Return the editor as a component, empty; it triggers `input` with what `drawn` takes.

    Args:
        side: of the empty canvas, in pixels.
        words: that are proposed as classes.
        label: id of the element.
    """
    script = resources.files("unigs.demo").joinpath("colormap_editor.js").read_text("utf-8")
    buttons = "".join(
        f'<button type="button" data-tool="{tool}">{said}</button>' for tool, said in _TOOLS.items()
    )
    proposed = "".join(f'<option value="{word}"></option>' for word in words)
    template = f"""
<div class="tools" role="toolbar" aria-label="tools of the colormap editor">{buttons}
<button type="button" data-act="new">new entity</button>
<button type="button" data-act="delete">delete entity</button>
<label>brush <input type="range" min="2" max="40" value="16"></label></div>
<canvas tabindex="0" role="img" aria-label="colormap; arrow keys move the chosen entity, Delete
 removes it"></canvas>
<ol class="entities" aria-label="entities"></ol>
<datalist id="{label}-words">{proposed}</datalist>"""
    side = min(side, SIDE)
    return gr.HTML(
        None,
        html_template=template,
        css_template=_STYLE,
        js_on_load=script,
        elem_id=label,
        width=side,
        height=side,
        grid=palette.grid,
        colors=palette.colors.tolist(),
        words=f"{label}-words",
        most=MOST,
    )


def drawn(sent: Mapping[str, Any]) -> Drawn:
    """Return what the editor sent.

    Args:
        sent: `width`, `height`, `labels` (base64 of a byte a pixel, row by row) and `names`.

    Raises:
        ConfigError: it is nothing that the editor sends.
    """
    try:
        height, width = int(sent["height"]), int(sent["width"])
        pixels = np.frombuffer(base64.b64decode(sent["labels"], validate=True), np.uint8)
        names = tuple(str(name).strip() for name in sent["names"])
        if not (1 <= height <= SIDE and 1 <= width <= SIDE):
            raise ValueError(f"{width}x{height} pixels")
        labels = pixels.reshape(height, width).astype(np.int32)
    except (KeyError, TypeError, ValueError, OverflowError, binascii.Error) as error:
        raise ConfigError("the drawing did not arrive", hint="load the page again") from error
    if labels.max(initial=0) > len(names):
        raise ConfigError("the drawing did not arrive", hint="load the page again")
    return Drawn(labels, names)


def to_editor(colormap: NDArray[np.uint8], palette: Palette) -> dict[str, Any]:
    """Return a colormap (h, w, 3) uint8, taken apart into entities, as the editor's value."""
    labels = decode(colormap, palette=palette).segments
    labels = np.where(labels > MOST, 0, labels).astype(np.uint8)
    scale = min(1.0, SIDE / max(labels.shape))
    size = tuple(max(1, round(side * scale)) for side in labels.shape[::-1])
    small = np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
    return {
        "width": small.shape[1],
        "height": small.shape[0],
        "labels": base64.b64encode(small.tobytes()).decode(),
        "names": [""] * int(small.max(initial=0)),
    }


def enlarged(labels: NDArray[np.int32], size: tuple[int, int]) -> NDArray[np.int32]:
    """Return labels (h, w) in another `size` (h, w), without mixed ones."""
    image = Image.fromarray(labels.astype(np.int32))
    return np.asarray(image.resize(size[::-1], Image.Resampling.NEAREST))
