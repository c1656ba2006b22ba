"""Miniature models of the published classes, saved once a session, and samples for them."""

from pathlib import Path

import pytest

# What needs torch is imported within: without it the tests of this folder are skipped.


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one model of each kind."""
    from tests.support.evaluation.evaluated_shards import NAMES
    from tests.support.models import checkpoints, vision_models

    folder = tmp_path_factory.mktemp("models")
    names = (*NAMES, "dog")
    checkpoints.write_checkpoint(folder / "sd", "sd15-text", names)
    checkpoints.write_checkpoint(folder / "sd-inpainting", "sd15", names)
    checkpoints.write_controlnet(folder / "controlnet", folder / "sd")
    checkpoints.write_controlnet(folder / "untrained", folder / "sd", steers=False)
    checkpoints.write_t2i_adapter(folder / "adapter")
    vision_models.write_sam(folder / "sam")
    return folder


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of shards of every task, of the size of the diffusion models' images."""
    from tests.competitors.requests import COUNT, SIDE
    from tests.support.data.tiny_shards import write_shards

    folder = tmp_path_factory.mktemp("shards")
    return write_shards(
        folder, ["inpainting", "synthesis", "referring", "entity"], COUNT, SIDE, "smooth-2-v1"
    )


@pytest.fixture
def drawn(tmp_path: Path):
    """Make samples of a task, of half that size."""
    from tests.competitors.requests import COUNT
    from tests.support.evaluation.evaluated_shards import samples

    def make(task: str, count: int = COUNT, **options) -> list:
        return samples(tmp_path / "scenes", task, count, **options)

    return make
