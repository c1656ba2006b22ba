"""What the tests ask of miniature models."""

import torch

from unigs.competitors.request import Request

CPU = torch.device("cpu")
#: Side of the miniature diffusion models' images, twice that of `evaluated_shards`.
SIDE = 64
COUNT = 3


def request_for(pipeline: str, task: str, shards, **files) -> Request:
    """A request with few steps."""
    return Request(pipeline, task, shards / task, steps=2, guidance=2.0, **files)
