"""A split of a data set, counted from its annotations, with a few samples drawn as they will be."""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from unigs.config.preset import Preset
from unigs.datasets import Record, open_dataset
from unigs.datasets.outline import Outline, outline_of
from unigs.datasets.scene_keys import scene_key
from unigs.datasets.shapes.generate import write_shapes
from unigs.datasets.shapes.things import THINGS
from unigs.errors import DataError
from unigs.samples.options import SampleOptions
from unigs.samples.sample import NoSample, Sample, make_sample, sample_seed
from unigs.samples.serialization import encode_sample
from unigs.samples.split_options import sample_options
from unigs.scene import Scene
from unigs.shards.worker import sample_row
from unigs.workflows.sources import Source

# Images of which samples are drawn. At 512 pixels the pictures of COCO's samples vary by a third,
# so that the mean of so many is within 4 % (one standard error).
PROBES = 64
# Of a generated data set so many scenes are drawn; the others are like them.
GENERATED_SCENES = 256
THING_NAMES = {kind.name for kind in THINGS}
_Entity = tuple[str, float | None]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample that was drawn: its files' sizes by extension, its prompt and key, and the
    characters of its row in the record of a shard, without its files."""

    sizes: dict[str, int]
    prompt: str
    key: str
    row: int


@dataclass(slots=True)
class Survey:
    """What is known of a split.

    Attributes:
        keys: of the scenes that its annotations list; for a generated set all there will be.
        class_names: all of the data set.
        exhaustive: as in `unigs.config.data.MixedDataset`.
        outlines: what the annotations say of each scene, None where that is in other files.
        probed: scenes that were read, whether or not they could be.
        usable: those of them that could be read.
        drawn: by task, the samples that the usable ones gave.
        file_bytes: of the picture files, all together; `probed_bytes` of the usable probes'.
        names: distinct names of prompts, by whether they are named and the number of samples.
        shards: by the number that was asked for, how many hold a scene.
    """

    keys: list[str]
    class_names: tuple[str, ...]
    exhaustive: bool
    outlines: list[Outline | None]
    probed: int = 0
    usable: int = 0
    drawn: dict[str, list[Drawn]] = field(default_factory=dict)
    file_bytes: int = 0
    probed_bytes: int = 0
    names: dict[tuple[bool, int], set[tuple[str, ...]]] = field(default_factory=dict)
    shards: dict[int, int] = field(default_factory=dict)

    @property
    def scenes(self) -> int:
        """Scenes that can be read, as far as the probes tell."""
        if not self.usable:
            return len(self.keys)
        return round(len(self.keys) * self.usable / self.probed)

    @property
    def entities(self) -> float:
        """Mean number of entities of a scene."""
        counts = [len(outline.classes) for outline in self.outlines if outline is not None]
        return sum(counts) / len(counts) if counts else 0.0


def survey(preset: Preset, source: Source, split: str, tasks: Sequence[str]) -> Survey:
    """Read the annotations of a split and draw samples of up to `PROBES` scenes, as many as its
    pictures allow; pictures that are not there are no error.

    Args:
        source: the data set; of a generated one `GENERATED_SCENES` are drawn.

    Raises:
        DataError: the annotations cannot be read.
    """
    if source.root is not None:
        return _survey(preset, source, Path(source.root), split, tasks)
    data = preset.data
    count = data.train_scenes if split == "train" else data.val_scenes
    with _generated(preset, split, min(count, GENERATED_SCENES)) as folder:
        found = _survey(preset, source, folder, split, tasks)
    first = int(found.keys[0])
    found.keys = [scene_key(f"{first + number:012d}.jpg") for number in range(count)]
    found.file_bytes = round(found.file_bytes * count / len(found.outlines))
    found.outlines = _more(found.outlines, count)
    return found


def _more(drawn: list[Outline | None], count: int) -> list[Outline | None]:
    """Return outlines of so many generated scenes: those that were drawn, then the things of one on
    the ground of another, as the generator draws both."""
    parts = [_things_and_ground(outline) for outline in drawn if outline is not None]
    outlines: list[Outline | None] = []
    for number in range(count):
        things = parts[number % len(parts)][0]
        ground = parts[(number + number // len(parts)) % len(parts)][1]
        together = sorted((*things, *ground), key=lambda entity: -(entity[1] or 0))
        classes, shares = zip(*together, strict=True)
        outlines.append(Outline(classes, shares))
    return outlines


def _things_and_ground(outline: Outline) -> tuple[list[_Entity], list[_Entity]]:
    entities = list(zip(outline.classes, outline.shares, strict=True))
    things = [entity for entity in entities if entity[0] in THING_NAMES]
    return things, [entity for entity in entities if entity not in things]


@contextmanager
def _generated(preset: Preset, split: str, count: int) -> Iterator[Path]:
    numbers = {"train": (count, 0), "val": (0, count)}[split]
    with TemporaryDirectory() as folder:
        write_shapes(folder, *numbers, preset.data.size, preset.data.seed)
        yield Path(folder)


def _survey(preset: Preset, source: Source, root: Path, split: str, tasks: Sequence[str]) -> Survey:
    dataset = open_dataset(source.format, root, split, source.dataset)
    found = Survey([], dataset.class_names, source.exhaustive, [])
    # The probes are spread over the data set: those with the least of a number drawn for each.
    draw = random.Random(0)
    chosen: list[tuple[float, int, Record, int]] = []
    for record in dataset.records():
        if not isinstance(record, Record):
            continue
        size = _size(record.files[0])
        found.file_bytes += size
        found.keys.append(record.key)
        found.outlines.append(outline_of(dataset, record))
        entry = (-draw.random(), len(found.keys), record, size)
        if len(chosen) < PROBES:
            heapq.heappush(chosen, entry)
        elif entry > chosen[0]:
            heapq.heapreplace(chosen, entry)
    options = sample_options(preset, found.class_names, split, source.exhaustive)
    found.drawn = {task: [] for task in tasks}
    for _, _, record, size in sorted(chosen, key=lambda entry: entry[1]):
        found.probed += 1
        scenes = [scene for scene in dataset.read(record) if isinstance(scene, Scene)]
        if scenes:
            found.usable += 1
            found.probed_bytes += size
            for task in tasks:
                found.drawn[task] += _samples(scenes[0], task, options, preset)
    return found


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _samples(scene: Scene, task: str, options: SampleOptions, preset: Preset) -> Iterator[Drawn]:
    seed = sample_seed(scene.digest, task, preset.data.seed, 0)
    try:
        sample: Sample = make_sample(scene, task, options, seed)
    except (NoSample, DataError):
        return
    files = encode_sample(sample, preset.data.image_format)
    row = len(json.dumps(sample_row(sample, f"{task}-00000-of-00000.tar")))
    yield Drawn({name: len(data) for name, data in files.items()}, sample.prompt, sample.key, row)
