"""Check and normalise the inputs of a pipeline call (Table 2: what each task takes)."""

from __future__ import annotations

import numbers
import re
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unigs.colormap import DECODERS, Palette
from unigs.config.seeds import whole_number
from unigs.errors import ConfigError, DataError, choices
from unigs.io.image_file import open_image, turned_upright
from unigs.io.mask_file import marked
from unigs.tasks import Task, make_prompt, task_named

Picture = Image.Image | np.ndarray | str | PathLike[str]
OneOrMany = Picture | Sequence[Picture]
# Modes of Pillow that hold whole numbers, one a pixel.
_ONE_CHANNEL = ("L", "I", "I;16", "I;16B")


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """A checked batch of n pictures of one size.

    Attributes:
        source: (n, h, w, 3) uint8, the image or, for synthesis, the colormap.
        coarse_mask: (n, h, w) bool, all True where the task has no sampled mask.
        prompts: n texts.
        names: n tuples of the class names in them, None where a prompt is free text.
    """

    task: Task
    source: np.ndarray
    coarse_mask: np.ndarray
    prompts: list[str]
    names: list[tuple[str, ...] | None]

    def __len__(self) -> int:
        return len(self.source)


def check_options(
    task: str,
    trained: Sequence[str],
    output_type: str,
    steps: int | None,
    most_steps: int,
    paste_back: bool,
    decoder: str,
    guidance: float | None = None,
) -> Task:
    """Return the task of a call, once its options fit it and the model's tasks; else ConfigError.

    `most_steps` is the number of time steps of the model's noise schedule.
    """
    kind = task_named(task)
    if kind.name not in trained:
        raise ConfigError(
            f"task: this model was not trained for {kind.name}",
            hint=f"give one of {', '.join(trained)}",
        )
    if output_type not in ("pil", "np", "latent"):
        raise ConfigError(f"output_type {output_type!r}", hint="give pil, np or latent")
    if steps is not None and not 1 <= (whole_number(steps) or 0) <= most_steps:
        raise ConfigError(
            f"num_inference_steps {steps!r}", hint=f"give a whole number from 1 to {most_steps}"
        )
    if guidance is not None and not isinstance(guidance, numbers.Real):
        raise ConfigError(f"guidance_scale {guidance!r}", hint="give a number")
    if decoder not in DECODERS:
        raise ConfigError(f"decoder {decoder!r}", hint=choices(decoder, DECODERS))
    if paste_back and kind.control != "masked_image":
        raise ConfigError(f"paste_back: {kind.name} has no hole", hint="leave it out")
    return kind


def check_inputs(
    task: Task,
    palette: Palette,
    image: OneOrMany | None,
    coarse_mask: OneOrMany | None,
    prompt: str | Sequence[str] | None,
    names: Sequence[str] | Sequence[Sequence[str]] | None,
    colormap: OneOrMany | None,
) -> Inputs:
    """Normalise everything a call may be given.

    Pictures are PIL images, arrays or paths of files, one or a list. Grey becomes RGB, alpha is
    dropped, 16-bit pictures keep their high byte, EXIF rotation is obeyed. A colormap may also be
    an (h, w) array or a grey picture of integer labels, of any width and 0 = nothing, which is
    painted with `palette`. What a mask marks is said in `unigs.io.mask_file`. A single picture,
    prompt or list of names serves the whole batch.

    Raises:
        ConfigError: an argument the task needs is missing or one it does not take is given,
            lengths or sizes differ, a mask is empty. The message names the argument.
        DataError: a file that does not open.
    """
    wanted = "colormap" if task.control == "colormap" else "image"
    _require(task, wanted, colormap if wanted == "colormap" else image)
    _refuse(task, "image" if wanted == "colormap" else "colormap",
            image if wanted == "colormap" else colormap)  # fmt: skip
    if task.coarse == "sampled":
        _require(task, "coarse_mask", coarse_mask)
    else:
        _refuse(task, "coarse_mask", coarse_mask)
    pictures = _listed(colormap if wanted == "colormap" else image)
    masks = _listed(coarse_mask)
    prompts, said = _prompts(task, prompt, names)
    count = max(len(pictures), len(masks), len(prompts))
    pictures = _spread(wanted, pictures, count)
    prompts, said = _spread("prompt", prompts, count), _spread("names", said, count)
    sources = [_as_colormap(item, palette) if wanted == "colormap" else as_rgb(item, wanted)
               for item in pictures]  # fmt: skip
    sizes = {source.shape[:2] for source in sources}
    if len(sizes) > 1:
        raise ConfigError(
            f"{wanted}: pictures of different sizes {sorted(sizes)} in one call",
            hint="call once for each size",
        )
    height, width = sizes.pop()
    coarse = np.ones((count, height, width), dtype=bool)
    if masks:
        for index, item in enumerate(_spread("coarse_mask", masks, count)):
            coarse[index] = as_mask(item, index, (height, width))
    return Inputs(task, np.stack(sources), coarse, prompts, said)


def opened(picture: Any) -> Any:
    """Return the image in a file, or what is no path as it is; DataError if it does not open."""
    return open_image(Path(picture)) if isinstance(picture, str | PathLike) else picture


def as_rgb(picture: Any, argument: str) -> np.ndarray:
    """Return (h, w, 3) uint8 of a PIL image, turned upright, or an array; else ConfigError."""
    array = picture if isinstance(picture, np.ndarray) else None
    if isinstance(picture, Image.Image):
        picture = _loaded(picture, argument)
        sixteen = picture.mode in ("I", "F") or picture.mode.startswith("I;16")
        array = np.asarray(picture if sixteen else picture.convert("RGB"))
    if array is None or array.ndim not in (2, 3) or not array.size:
        raise ConfigError(f"{argument}: {_kind(picture)} is no picture",
                          hint="give a PIL image or an (h, w, 3) uint8 array")  # fmt: skip
    if (array.dtype.kind == "u" and array.dtype.itemsize == 2) or (
        isinstance(picture, Image.Image) and array.dtype == np.int32
    ):
        array = (array.astype(np.uint32) >> 8).astype(np.uint8)
    if array.dtype != np.uint8:
        raise ConfigError(
            f"{argument}: values of type {array.dtype}", hint="scale to 0..255 and give uint8"
        )
    if array.ndim == 2:
        array = array[..., None]
    if array.shape[2] not in (1, 2, 3, 4):
        raise ConfigError(f"{argument}: shape {array.shape}", hint="give (h, w, 3)")
    channels = array[..., :3] if array.shape[2] > 2 else np.repeat(array[..., :1], 3, axis=2)
    return np.ascontiguousarray(channels)


def names_in(task: Task, prompt: str) -> tuple[str, ...] | None:
    """Return the class names of a prompt that `make_prompt` could have written, else None."""
    before, _, after = task.template.partition("{names}")
    if not after or not (prompt.startswith(before) and prompt.endswith(after)):
        return None
    listed = prompt[len(before) : len(prompt) - len(after)]
    names = tuple(re.split(r", and |, | and ", listed))
    return names if all(names) and make_prompt(task, names) == prompt else None


def _prompts(
    task: Task, prompt: str | Sequence[str] | None, names: Sequence[Any] | None
) -> tuple[list[str], list[tuple[str, ...] | None]]:
    if prompt is not None and names is not None:
        raise ConfigError("prompt and names: both given", hint="give one of them")
    if not task.takes_names:
        _refuse(task, "names", names)
    elif prompt is None and names is None:
        raise ConfigError(f"{task.name}: neither prompt nor names", hint="name the classes")
    if prompt is not None:
        try:
            texts = [prompt] if isinstance(prompt, str) else list(prompt)
        except TypeError:
            texts = []
        if not texts or not all(isinstance(text, str) for text in texts):
            raise ConfigError("prompt: not a text or a list of texts", hint="give one an image")
        return texts, [names_in(task, text) for text in texts]
    if names is None:
        return [task.template], [None]
    try:
        nested = [names] if isinstance(names, str) else list(names)
        if all(isinstance(name, str) for name in nested):
            nested = [nested]
        said = [tuple(" ".join(str(name).split()) for name in one) for one in nested]
    except TypeError as error:
        raise ConfigError("names: not a list of class names", hint="give e.g. ['dog']") from error
    if not said or any(not one or not all(one) for one in said):
        raise ConfigError("names: an empty name or list", hint="name at least one class an image")
    return [make_prompt(task, one) for one in said], list(said)


def _as_colormap(picture: Any, palette: Palette) -> np.ndarray:
    # labels in 8 bits too, and in files: taken for grey they would be colours that no palette has
    if isinstance(picture, Image.Image) and picture.mode in _ONE_CHANNEL:
        picture = np.asarray(_loaded(picture, "colormap"))
    if isinstance(picture, np.ndarray) and picture.ndim == 2 and picture.size:
        if not np.issubdtype(picture.dtype, np.integer):
            found = f"labels of type {picture.dtype}"
        elif picture.min() < 0:
            found = f"a label below 0, {picture.min()}"
        else:
            try:
                return palette.encode(picture)
            except ValueError as error:
                hint = "give an RGB colormap: this palette draws its colours at random"
                raise ConfigError(f"colormap: {error}", hint=hint) from error
        raise ConfigError(
            f"colormap: {found}", hint="give non-negative integers or an RGB colormap"
        )
    return as_rgb(picture, "colormap")


def as_mask(picture: Any, index: int, size: tuple[int, int]) -> np.ndarray:
    """Return (h, w) bool of a PIL image or an array of that size, by the rule of
    `unigs.io.mask_file`; raise ConfigError for anything else, and for a mask with nothing in it."""
    argument = f"coarse_mask {index}"
    if isinstance(picture, Image.Image):
        picture = _loaded(picture, argument)
    elif not isinstance(picture, np.ndarray):
        raise ConfigError(f"{argument}: {_kind(picture)} is no mask",
                          hint="give a PIL image or an (h, w) bool array")  # fmt: skip
    shape = picture.shape[:2] if isinstance(picture, np.ndarray) else picture.size[::-1]
    if shape != size:
        raise ConfigError(
            f"{argument}: shape {shape}, the image has {size}",
            hint="give a mask of the image's height and width",
        )
    try:
        return marked(picture)
    except DataError as error:
        raise ConfigError(f"{argument}: {error}") from error


def _loaded(picture: Image.Image, argument: str) -> Image.Image:
    """Return the picture decoded to its end and turned upright."""
    try:
        picture.load()
        return turned_upright(picture)
    # on broken files Pillow raises unrelated types: OSError, SyntaxError, struct.error, ...
    except Exception as error:
        raise ConfigError(f"{argument}: does not decode: {error}") from error


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and type {value.dtype}"
    if isinstance(value, Image.Image):
        return f"an image of {value.height}x{value.width} pixels in mode {value.mode}"
    return type(value).__name__


def _require(task: Task, argument: str, value: Any) -> None:
    if value is None or (isinstance(value, list | tuple) and not value):
        raise ConfigError(f"{argument}: missing", hint=f"{task.name} needs it")


def _refuse(task: Task, argument: str, value: Any) -> None:
    if value is not None:
        raise ConfigError(f"{argument}: {task.name} does not take it", hint="leave it out")


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [opened(one) for one in value]
    if isinstance(value, str | PathLike):
        return [opened(value)]
    return list(value) if isinstance(value, np.ndarray) and value.ndim == 4 else [value]


def _spread(argument: str, values: list[Any], count: int) -> list[Any]:
    if len(values) not in (1, count):
        raise ConfigError(
            f"{argument}: {len(values)} given for a batch of {count}",
            hint="give one, or one per image",
        )
    return values * count if len(values) == 1 else values
