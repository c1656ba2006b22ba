"""From a scene to one training or test example of a task (paper, sections 3.3 and 3.4).

Readings of what the paper leaves open are in docs/paper.md; those that shape the code:

- Crop and flip come before colouring, because colour is location.
- A class named in a referring prompt takes all of its entities in the coarse mask into the
  target; where that asks for too many entities, or for a crowd, the sample is drawn again.
- A class is negative as a whole, so that a prompt never names what the target leaves out.
- `valid` restricts the loss of the entity task: there, void and crowd pixels are black in the
  colormap without being background. The other tasks' colormaps are right everywhere, but for
  `referring` where not every entity is labelled: an unlabelled place in the coarse mask may hold
  more of what the prompt names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from unigs.samples.entity_draw import EntityDraw, NoSample
from unigs.samples.options import SampleOptions
from unigs.samples.transforms import jitter_colors, resize_and_crop
from unigs.scene import Entity, Scene
from unigs.tasks import Task, make_prompt, task_named

__all__ = ["Sample", "SampleEntity", "make_sample", "sample_seed"]


@dataclass(frozen=True, slots=True)
class SampleEntity:
    """An entity of the target: ``id`` is its label in `Sample.segments`, from 1, larger first.

    ``centroid`` (x, y), ``area`` and ``bbox`` (x0, y0, x1, y1; right and bottom exclusive) in
    pixels of the sample; ``color`` is RGB; ``source_id`` is what the annotation calls it.
    """

    id: int
    class_name: str
    is_thing: bool
    area: int
    centroid: tuple[float, float]
    color: tuple[int, int, int]
    bbox: tuple[int, int, int, int]
    source_id: str


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One example of a task.

    Attributes:
        key: unique in its shards; ``scene`` is the key of the scene.
        image: (s, s, 3) uint8 RGB.
        segments: (s, s) int32, the TARGET: 0 or the id of one of `entities`.
        coarse_mask: (s, s) bool, True = fill here.
        valid: (s, s) bool, False where the colormap has no truth: void and crowd of the entity
            task, unlabelled places of the referring task where labels are not exhaustive.
        prompt: names follow the area of their sampled entities, largest first.
        absent: names in the prompt that the target does not hold (referring negatives).
        seed: `numpy.random.default_rng(seed)` draws this sample again.
        counts: what was filtered on the way, by reason.
        file_name: what the data set calls the image, where the key of the scene does not tell it.
    """

    key: str
    scene: str
    task: str
    image: np.ndarray
    segments: np.ndarray
    coarse_mask: np.ndarray
    valid: np.ndarray
    prompt: str
    entities: tuple[SampleEntity, ...]
    absent: tuple[str, ...]
    seed: int
    source_digest: str
    palette: str
    counts: dict[str, int] = field(default_factory=dict)
    file_name: str | None = None

    @property
    def colormap(self) -> np.ndarray:
        """(s, s, 3) uint8, the target painted anew at each call; black where `segments` is 0."""
        table = np.zeros((len(self.entities) + 1, 3), dtype=np.uint8)
        for entity in self.entities:
            table[entity.id] = entity.color
        return np.take(table, self.segments, axis=0)


def sample_seed(scene_digest: str, task: Task | str, seed: int, variant: int) -> int:
    """Return the seed of one sample, frozen by what it is made of: 0 <= seed < 2**63."""
    text = f"{scene_digest}/{task_named(task).name}/{seed}/{variant}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def make_sample(
    scene: Scene,
    task: Task | str,
    options: SampleOptions,
    rng: np.random.Generator | int,
    key: str | None = None,
) -> Sample:
    """Draw one sample of a task from a scene.

    ``rng`` is best the integer of `sample_seed`, which the sample then carries as its seed
    (a Generator leaves -1). ``key`` defaults to the key of the scene.

    Raises:
        NoSample: the scene offers none.
        DataError: the image cannot be read.
    """
    task = task_named(task)
    seed = -1 if isinstance(rng, np.random.Generator) else rng
    rng = np.random.default_rng(rng)
    window = rng if options.random_crop or options.crop_scale != (1.0, 1.0) else None
    image, segments = resize_and_crop(
        scene.image(), scene.segments, options.size, window, options.crop_scale
    )
    if rng.uniform() < options.flip_probability:
        image, segments = np.ascontiguousarray(image[:, ::-1]), segments[:, ::-1].copy()
    if options.color_jitter:
        image = jitter_colors(image, options.color_jitter, rng)

    draw = EntityDraw(segments, scene, options, rng)
    choice = draw.choose(task)
    target, order = draw.relabel(choice.target)
    colors = options.palette.assign(target, rng=rng)
    dropped = len(order) - len(colors)
    if dropped:
        order = [entity for label, entity in enumerate(order, start=1) if label in colors]
        if not order:
            raise NoSample("the palette drops every entity")
        target, order = draw.relabel([entity.id for entity in order])
        colors = {new: colors[old] for new, old in enumerate(sorted(colors), start=1)}
    shown = {entity.class_name for entity in order}
    names = [(old, new) for old, new in choice.names if old in shown or old != new]

    valid = np.ones(target.shape, dtype=bool)
    if task.entities == "all":
        valid = target > 0
    elif task.entities == "named" and not options.exhaustive:
        valid = (segments > 0) | ~choice.coarse_mask
    return Sample(
        key=scene.key if key is None else key,
        scene=scene.key,
        task=task.name,
        image=image,
        segments=target,
        coarse_mask=choice.coarse_mask,
        valid=valid,
        prompt=make_prompt(task, [new for _, new in names]),
        entities=_described(order, draw.boxes, colors),
        absent=tuple(new for old, new in names if new != old),
        seed=seed,
        source_digest=scene.digest,
        palette=options.palette.name,
        counts=draw.counts
        | {
            "redrawn": choice.redrawn,
            "dropped_by_palette": dropped,
            "shared_color": len(colors) - len({tuple(color) for color in colors.values()}),
        },
        file_name=scene.file_name,
    )


def _described(
    order: list[Entity], boxes: np.ndarray, colors: Mapping[int, np.ndarray]
) -> tuple[SampleEntity, ...]:
    described = []
    for label, entity in enumerate(order, start=1):
        x0, y0, x1, y1 = boxes[entity.id].tolist()
        red, green, blue = colors[label].tolist()
        described.append(
            SampleEntity(
                id=label,
                class_name=entity.class_name,
                is_thing=entity.is_thing,
                area=entity.area,
                centroid=entity.centroid,
                color=(red, green, blue),
                bbox=(x0, y0, x1, y1),
                source_id=entity.source_id,
            )
        )
    return tuple(described)
