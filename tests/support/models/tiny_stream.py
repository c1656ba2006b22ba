"""Random latents in the form that training reads, for tests of the loop."""

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from tests.support.models.tiny_unet import tiny_architecture
from unigs.io.distributed import rank_and_world
from unigs.models.unet import build_unet
from unigs.tasks import TASKS

CHANNELS, SIDE, TOKENS, WIDTH = 2, 8, 3, 8


class RandomStream:
    """As `unigs.latents.stream.MixedStream`: a batch is a function of the step."""

    def __init__(self, batch_size: int = 4, poison: int | None = None) -> None:
        self.batch_size = batch_size
        self.stores = dict.fromkeys(TASKS)
        self.empty_text = torch.zeros(TOKENS, WIDTH)
        self.poison = poison
        self.rank, self.world = rank_and_world()

    def steps_per_epoch(self, task: str) -> float:
        return 2.5 if task == "entity" else 2.0

    def batch(self, step: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(step)
        count = self.batch_size
        latents = {
            name: torch.randn(count, CHANNELS, SIDE, SIDE, generator=generator)
            for name in ("image", "colormap", "control")
        }
        if step == self.poison:
            latents["image"][0, 0, 0, 0] = torch.nan
        whole = latents | {
            "coarse": torch.ones(count, 1, SIDE, SIDE),
            "balance": torch.ones(count, 1, SIDE, SIDE),
            "valid": torch.ones(count, 1, SIDE, SIDE),
            "text": torch.randn(count, TOKENS, WIDTH, generator=generator),
            "task": torch.arange(count) % len(TASKS),
        }
        share = count // self.world
        mine = slice(self.rank * share, (self.rank + 1) * share)
        return {name: values[mine] for name, values in whole.items()}


def tiny_unet(seed: int = 0) -> UNet2DConditionModel:
    """A UniGS UNet of a few thousand parameters."""
    torch.manual_seed(seed)
    return build_unet(tiny_architecture(text=WIDTH), latent_channels=CHANNELS)
