"""Table 2: prompts and control images."""

import re
from pathlib import Path

import numpy as np
import pytest

import unigs
from unigs.errors import ConfigError
from unigs.tasks import TASKS, control_image, make_prompt, task_named


def test_order_is_the_index_and_ratios_are_the_papers():
    assert list(TASKS) == ["inpainting", "synthesis", "referring", "entity"]
    assert [task.index for task in TASKS.values()] == [0, 1, 2, 3]
    assert [task.ratio for task in TASKS.values()] == [0.3, 0.3, 0.2, 0.2]


@pytest.mark.parametrize(
    ("task", "names", "prompt"),
    [
        ("inpainting", ["dog"], "inpainting: generate dog."),
        ("synthesis", ["dog", "ground", "sky"], "synthesis: generate dog, ground, and sky."),
        ("synthesis", ["dog", "sky"], "synthesis: generate dog and sky."),
        ("referring", ["dog", "dog"], "referring: find dog."),
        ("entity", [], "panoptic: all entities."),
        ("entity", ["dog"], "panoptic: all entities."),
    ],
)
def test_prompts_of_the_paper(task, names, prompt):
    assert make_prompt(task, names) == prompt


def test_a_prompt_needs_names_and_a_task_its_name():
    with pytest.raises(ConfigError, match="name at least one"):
        make_prompt("referring", [])
    with pytest.raises(ConfigError, match="inpainting"):
        task_named("panoptic")


def test_a_text_is_one_name():
    assert make_prompt("synthesis", "dog") == "synthesis: generate dog."


def test_control_images_follow_the_table():
    rng = np.random.default_rng(0)
    image, colormap = rng.integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    mask = rng.uniform(size=(8, 8)) < 0.5
    scaled = image.astype(np.float32) / 127.5 - 1

    hole = control_image("inpainting", image, colormap, mask)
    assert hole.dtype == np.float32
    assert (hole[mask] == 0).all()
    np.testing.assert_array_equal(hole[~mask], scaled[~mask])
    for task in ("referring", "entity"):
        np.testing.assert_array_equal(control_image(task, image, colormap, mask), scaled)
    painted = control_image("synthesis", image, colormap, mask)
    np.testing.assert_array_equal(painted, colormap.astype(np.float32) / 127.5 - 1)
    assert np.abs(painted).max() <= 1


def test_control_images_of_a_batch_are_those_of_its_members():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    masks = rng.uniform(size=(3, 8, 8)) < 0.5
    batch = control_image("inpainting", images, images, masks)
    for number in range(3):
        one = control_image("inpainting", images[number], images[number], masks[number])
        np.testing.assert_array_equal(batch[number], one)


def test_no_other_file_compares_with_the_name_of_a_task():
    """What a task is like stands in its fields: a further task needs no search for its name."""
    names = "|".join(TASKS)
    compared = re.compile(rf"""(?:[=!]=|\bin\b)\s*[\[({{]?["'](?:{names})["']""")
    package = Path(unigs.__file__).parent
    found = [
        f"{file.relative_to(package)}:{number}"
        for file in sorted(package.rglob("*.py"))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if compared.search(line)
    ]
    assert not found
