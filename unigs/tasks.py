"""The four tasks as data (Table 2 of the paper) and what follows from it: prompts and control
images."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from unigs.errors import ConfigError, choices

__all__ = ["TASKS", "Task", "control_image", "make_prompt", "task_named"]


@dataclass(frozen=True, slots=True)
class Task:
    """One row of Table 2.

    Attributes:
        name: `inpainting`, `synthesis`, `referring` or `entity`.
        index: row of the task embedding.
        template: the prompt; ``{names}`` stands for the class names.
        control: what z^c encodes: the image without the coarse mask, the colormap, or the image.
        coarse: `sampled` = Omega of the sampled entities, `full` = all ones.
        new_image: the image half of the output is new; otherwise it repeats the control.
        new_colormap: the colormap half of the output is new; otherwise it repeats the control.
        ratio: share of the joint model's samples (supplementary section 6).
        background: the colormap has a background; without one every pixel is an entity's.
        entities: of the target: `sampled` at random, `named` = all of the classes in the prompt
            that are inside the coarse mask, or `all` of the image, void left out of the loss.
    """

    name: str
    index: int
    template: str
    control: Literal["masked_image", "colormap", "image"]
    coarse: Literal["sampled", "full"]
    new_image: bool
    new_colormap: bool
    ratio: float
    background: bool
    entities: Literal["sampled", "named", "all"]

    @property
    def takes_names(self) -> bool:
        """The prompt names classes."""
        return "{names}" in self.template


TASKS = MappingProxyType(
    {
        task.name: task
        for task in (
            Task(
                "inpainting", 0, "inpainting: generate {names}.", "masked_image", "sampled",
                new_image=True, new_colormap=True, ratio=0.3, background=True, entities="sampled",
            ),
            Task(
                "synthesis", 1, "synthesis: generate {names}.", "colormap", "full",
                new_image=True, new_colormap=False, ratio=0.3, background=True, entities="sampled",
            ),
            Task(
                "referring", 2, "referring: find {names}.", "image", "sampled",
                new_image=False, new_colormap=True, ratio=0.2, background=True, entities="named",
            ),
            Task(
                "entity", 3, "panoptic: all entities.", "image", "full",
                new_image=False, new_colormap=True, ratio=0.2, background=False, entities="all",
            ),
        )
    }
)  # fmt: skip


def task_named(task: Task | str) -> Task:
    """Return the task of that name; a Task is given back. ConfigError for an unknown name."""
    if isinstance(task, Task):
        return task
    if not isinstance(task, str) or task not in TASKS:
        raise ConfigError(f"unknown task {task!r}", hint=choices(task, TASKS))
    return TASKS[task]


def make_prompt(task: Task | str, names: str | Sequence[str] = ()) -> str:
    """Return the text prompt: 'synthesis: generate dog, ground, and sky.'

    A text is one name. A repeated name is used once, at its first place; the entity task takes no
    names.
    Raises ConfigError when a task that needs names gets none.
    """
    task = task_named(task)
    if not task.takes_names:
        return task.template
    said = list(dict.fromkeys([names] if isinstance(names, str) else names))
    if not all(isinstance(name, str) for name in said):
        raise ConfigError(f"{task.name}: names {said!r} are no texts", hint="give class names")
    if not said:
        raise ConfigError(f"{task.name}: no class names", hint="name at least one class")
    listed = " and ".join(said) if len(said) < 3 else f"{', '.join(said[:-1])}, and {said[-1]}"
    return task.template.format(names=listed)


def control_image(
    task: Task | str, image: np.ndarray, colormap: np.ndarray, coarse_mask: np.ndarray
) -> np.ndarray:
    """Return what z^c encodes (Table 2): (h, w, 3) float32 in [-1, 1].

    ``image`` and ``colormap`` are (h, w, 3) uint8, ``coarse_mask`` (h, w) bool. Inpainting:
    I * (1 - m) after scaling to [-1, 1] (Eq. 10), so holes are mid-grey as in SD inpainting.
    Leading batch dimensions are allowed in all three. An input the task does not look at is
    not read.
    """
    task = task_named(task)
    source = colormap if task.control == "colormap" else image
    control = source.astype(np.float32) / np.float32(127.5) - np.float32(1)
    if task.control == "masked_image":
        control[coarse_mask] = 0.0
    return control
