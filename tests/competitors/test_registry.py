"""Which model does which task from which files: told before anything is loaded."""

from pathlib import Path

import pytest

from unigs.competitors.registry import PIPELINES, check_request
from unigs.competitors.request import Request
from unigs.errors import ConfigError
from unigs.tasks import TASKS


def request(pipeline, task, **files):
    return Request(pipeline, task, Path("shards"), **files)


@pytest.mark.parametrize("name", PIPELINES)
def test_a_task_that_a_model_cannot_do_is_refused_with_those_it_can(name):
    able = PIPELINES[name].tasks
    assert set(able) < set(TASKS)
    for task in set(TASKS) - set(able):
        with pytest.raises(ConfigError) as told:
            check_request(request(name, task))
        assert str(told.value) == (
            f"--pipeline {name} cannot do {task} (it can do {' and '.join(able)})"
        )


@pytest.mark.parametrize(
    ("name", "task", "files", "said"),
    [
        ("dall-e", "synthesis", (), "--pipeline dall-e: unknown (give one of unigs, sd-inpainting"),
        ("sd", "synthesis", (), "--pipeline sd needs --checkpoint"),
        ("panoptic", "entity", (), "--pipeline panoptic needs --predictions"),
        ("sam", "entity", ("checkpoint", "adapter"), "takes no --adapter (leave it out)"),
        ("panoptic", "entity", ("predictions", "checkpoint"), "takes no --checkpoint"),
    ],
)
def test_files_that_are_missing_or_of_no_use_are_named(name, task, files, said):
    with pytest.raises(ConfigError) as told:
        check_request(request(name, task, **dict.fromkeys(files, Path("file"))))
    assert said in str(told.value)
