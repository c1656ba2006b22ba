"""A split of a data set, counted from its annotations, with a few samples drawn as they will be."""

from __future__ import annotations

import heapq
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
from unigs.errors import DataError
from unigs.samples.options import SampleOptions
from unigs.samples.sample import NoSample, Sample, make_sample, sample_seed
from unigs.samples.serialization import encode_sample
from unigs.samples.split_options import sample_options
from unigs.scene import Scene
from unigs.tasks import Task, make_prompt, task_named
from unigs.workflows.sources import Source

# Images of which samples are drawn. At 512 pixels the pictures of COCO's samples vary by a third,
# so that the mean of so many is within 4 % (one standard error).
PROBES = 64
# Of a generated data set so many scenes are drawn; the others are like them.
GENERATED_SCENES = 256


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample that was drawn: its files' sizes by extension, and its prompt."""

    sizes: dict[str, int]
    prompt: str
    key: str


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
        return _survey(preset, source, source.root, split, tasks)
    data = preset.data
    count = data.train_scenes if split == "train" else data.val_scenes
    with _generated(preset, split, min(count, GENERATED_SCENES)) as folder:
        found = _survey(preset, source, folder, split, tasks)
    first = int(found.keys[0])
    found.keys = [scene_key(f"{first + number:012d}.jpg") for number in range(count)]
    found.file_bytes = round(found.file_bytes * count / len(found.outlines))
    repeats = -(-count // len(found.outlines))
    found.outlines = (found.outlines * repeats)[:count]
    return found


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
    yield Drawn({name: len(data) for name, data in files.items()}, sample.prompt, sample.key)


def distinct_prompts(
    found: Survey, task: Task | str, options: SampleOptions, samples: int
) -> list[str]:
    """Return the prompts of so many samples of a split, each once, with the classes of its scenes;
    crops and masks are left out of account.

    For scenes whose classes are not known, every sample is taken to have a prompt of its own.
    """
    task = task_named(task)
    if not task.takes_names:
        return [make_prompt(task)]
    draw = random.Random(0)
    prompts: set[tuple[str, ...]] = set()
    for number in range(samples):
        outline = found.outlines[number % len(found.outlines)]
        if outline is None:
            prompts.add((str(number),))
            continue
        eligible = [
            place
            for place, share in enumerate(outline.shares)
            if share is None or share >= options.min_area
        ]
        if not eligible:
            continue
        most = min(options.max_entities, len(eligible))
        picked = sorted(draw.sample(eligible, draw.randint(min(options.min_entities, most), most)))
        names = list(dict.fromkeys(outline.classes[place] for place in picked))
        if task.entities == "named":
            names = _with_negatives(names, options, draw)
        prompts.add(tuple(names))
    return [make_prompt(task, names) for names in prompts]


def _with_negatives(names: list[str], options: SampleOptions, draw: random.Random) -> list[str]:
    throughout = draw.random() < options.all_negative
    share = 1.0 if throughout else options.negative_probability
    return [draw.choice(options.class_names) if draw.random() < share else name for name in names]
