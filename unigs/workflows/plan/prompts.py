"""How many different prompts the samples of a split will have, from the classes of its scenes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

from unigs.datasets.outline import Outline
from unigs.samples.entity_draw import ATTEMPTS
from unigs.samples.options import SampleOptions
from unigs.tasks import Task, make_prompt, task_named
from unigs.workflows.plan.survey import Survey

# A named class takes all its entities in the mask into the sample, and is drawn anew where they are
# too many. How often the mask leaves the others out, on `shapes`.
APART = 0.5


def distinct_prompts(
    found: Survey, task: Task | str, options: SampleOptions, samples: int
) -> list[str]:
    """Return the prompts of so many samples of a split, each once, with the classes of its scenes;
    crops are left out of account.

    For scenes whose classes are not known, every sample is taken to have a prompt of its own.
    """
    task = task_named(task)
    if not task.takes_names:
        return [make_prompt(task)]
    named = task.entities == "named"
    # Tasks that draw alike name alike.
    if (named, samples) not in found.names:
        found.names[named, samples] = set(_drawn(found, named, options, samples))
    return [make_prompt(task, names) for names in found.names[named, samples]]


def _drawn(
    found: Survey, named: bool, options: SampleOptions, samples: int
) -> Iterator[tuple[str, ...]]:
    draw = random.Random(0)
    eligible = [outline and _eligible(outline, options.min_area) for outline in found.outlines]
    for number in range(samples):
        classes = eligible[number % len(eligible)]
        if classes is None:
            yield (str(number),)
        elif classes:
            picked = _picked(classes, named, options, draw)
            if named:
                picked = _with_negatives(picked, options, draw)
            yield tuple(picked)


def _eligible(outline: Outline, least: float) -> list[str]:
    return [
        name
        for name, share in zip(outline.classes, outline.shares, strict=True)
        if share is None or share >= least
    ]


def _picked(
    classes: list[str], named: bool, options: SampleOptions, draw: random.Random
) -> list[str]:
    """Return the classes of the entities of a sample, the larger first."""
    most = min(options.max_entities, len(classes))
    least = min(options.min_entities, most)
    count = Counter(classes) if named and len(set(classes)) < len(classes) else None
    for _ in range(ATTEMPTS):
        places = sorted(draw.sample(range(len(classes)), draw.randint(least, most)))
        picked = list(dict.fromkeys(classes[place] for place in places))
        if count is None or draw.random() < APART:
            break
        if sum(count[name] for name in picked) <= options.max_entities:
            break
    return picked


def _with_negatives(names: list[str], options: SampleOptions, draw: random.Random) -> list[str]:
    throughout = draw.random() < options.all_negative
    share = 1.0 if throughout else options.negative_probability
    return [draw.choice(options.class_names) if draw.random() < share else name for name in names]
