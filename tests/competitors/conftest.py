"""Miniature models of the published classes, saved once a session, and samples for them."""

from pathlib import Path

import pytest
import torch

from tests.support import checkpoints
from tests.support.evaluated_shards import NAMES, samples
from tests.support.tiny_shards import write_shards
from unigs.competitors.request import Request
from unigs.samples.sample import Sample

CPU = torch.device("cpu")
#: Side of the miniature diffusion models' images, twice that of `evaluated_shards`.
SIDE = 64
COUNT = 3


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one model of each kind."""
    folder = tmp_path_factory.mktemp("models")
    names = (*NAMES, "dog")
    checkpoints.write_checkpoint(folder / "sd", "sd15-text", names)
    checkpoints.write_checkpoint(folder / "sd-inpainting", "sd15", names)
    checkpoints.write_controlnet(folder / "controlnet", folder / "sd")
    checkpoints.write_controlnet(folder / "untrained", folder / "sd", steers=False)
    checkpoints.write_t2i_adapter(folder / "adapter")
    checkpoints.write_sam(folder / "sam")
    return folder


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of shards of every task, of the size of the diffusion models' images."""
    folder = tmp_path_factory.mktemp("shards")
    return write_shards(
        folder, ["inpainting", "synthesis", "referring", "entity"], COUNT, SIDE, "smooth-2-v1"
    )


@pytest.fixture
def drawn(tmp_path: Path):
    """Make samples of a task, of half that size."""

    def make(task: str, count: int = COUNT, **options) -> list[Sample]:
        return samples(tmp_path / "scenes", task, count, **options)

    return make


def request_for(pipeline: str, task: str, shards: Path, **files) -> Request:
    """A request with few steps."""
    return Request(pipeline, task, shards / task, steps=2, guidance=2.0, **files)
