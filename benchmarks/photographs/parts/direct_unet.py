"""A UniGS UNet's trunk that predicts classes directly, and its training by cross-entropy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.photographs.parts.class_maps import ClassMaps, prediction_of
from unigs.config.preset import Preset, TrainingConfig
from unigs.evaluation.predictions import Prediction
from unigs.io.device import in_batches, this_device
from unigs.io.machine import autocast, machine
from unigs.models.autoencoder import encode_images, latent_channels, vae_scale_factor
from unigs.samples.sample import Sample
from unigs.tasks import TASKS, Task
from unigs.training.best_weights import BestWeights
from unigs.training.optimizer import AveragedWeights, build_optimizer
from unigs.training.schedule import learning_rate

# Of the small network that sees the trunk's output and the pixels at full resolution.
FEATURES, WIDTH = 8, 16
# Classes weigh by this power of their inverse share of the pixels, lest small things be ignored.
BALANCE = 0.5


class DirectUNet(nn.Module):
    """The trunk on the latents of an image; its output and, with `sees_pixels`, the image's pixels
    give class logits.

    Args:
        architecture: of the trunk, as in ``unet.architecture`` of a preset.
        channels, factor: of the autoencoder's latents.
        classes: number of classes.
        sees_pixels: without them the network knows the latents alone, as a generative one does.
    """

    def __init__(
        self,
        architecture: dict[str, Any],
        channels: int,
        factor: int,
        classes: int,
        sees_pixels: bool = True,
    ) -> None:
        super().__init__()
        self.sees_pixels = sees_pixels
        self.trunk = UNet2DConditionModel(
            **architecture, in_channels=channels, out_channels=FEATURES * factor**2
        )
        self.shuffle = nn.PixelShuffle(factor)
        self.head = nn.Sequential(
            nn.Conv2d(FEATURES + 3 * sees_pixels, WIDTH, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(WIDTH, classes, 1),
        )
        # As training does on a processor; the counter of operations sees no fused kernel.
        self.trunk.set_attn_processor(AttnProcessor())

    def forward(self, latents: Tensor, pixels: Tensor) -> Tensor:
        """Return (n, classes, s, s) logits of (n, C, s/f, s/f) latents and (n, 3, s, s) pixels in
        [-1, 1]."""
        config: Any = self.trunk.config
        text = latents.new_zeros(len(latents), 1, config.cross_attention_dim)
        time = latents.new_zeros(len(latents), dtype=torch.int64)
        features = self.shuffle(self.trunk(latents, time, text).sample)
        if self.sees_pixels:
            features = torch.cat([features, pixels.to(features.dtype)], dim=1)
        return self.head(features)


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """Class maps as the network reads them: `latents` (n, C, s/f, s/f) float32 on the CPU."""

    maps: ClassMaps
    latents: Tensor

    def batch(self, rows: Sequence[int] | NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Return latents, pixels in [-1, 1] and (n, s, s) int64 classes, -1 where unknown."""
        chosen = np.asarray(rows)
        pixels = torch.from_numpy(self.maps.images[chosen]).permute(0, 3, 1, 2) / 127.5 - 1
        classes = torch.from_numpy(self.maps.classes[chosen].astype(np.int64)) - 1
        return self.latents[torch.from_numpy(chosen)], pixels, classes


def encoded(maps: ClassMaps, autoencoder: Any) -> Encoded:
    """Encode all pictures."""
    parts = [
        encode_images(autoencoder, maps.images[i : i + 64]) for i in range(0, len(maps.images), 64)
    ]
    return Encoded(maps, torch.cat(parts).cpu())


def fresh(preset: Preset, autoencoder: Any, classes: int, sees_pixels: bool = True) -> DirectUNet:
    """Return a network with the preset's trunk."""
    architecture = preset.unet.architecture
    if not isinstance(architecture, dict):
        raise SystemExit(f"{preset.name}: needs a UNet from scratch (unet.architecture)")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(preset.training.seed)
        return DirectUNet(
            architecture, latent_channels(autoencoder), vae_scale_factor(autoencoder), classes,
            sees_pixels,
        )  # fmt: skip


def sample_flop(net: DirectUNet, data: Encoded) -> float:
    """Return the operations of one sample's forward and backward pass."""
    latents, pixels, classes = data.batch([0])
    machine("cpu")
    with FlopCounterMode(display=False) as counter:
        nn.functional.cross_entropy(net(latents, pixels), classes, ignore_index=-1).backward()
    net.zero_grad(set_to_none=True)
    return float(counter.get_total_flops())


def train_direct(
    net: DirectUNet,
    data: Encoded,
    held_out: Encoded,
    training: TrainingConfig,
    steps: int,
    log: Callable[[int, dict[str, float]], None],
) -> BestWeights:
    """Train in place with the optimiser, the schedule and the averages of `training`; the weights
    of the best validation stay, with ``keep_best``."""
    device = this_device()
    net.to(device)
    parameters = list(net.parameters())
    optimizer = build_optimizer(parameters, training)
    averages = AveragedWeights(parameters, decay=training.ema_decay, foreach=True)
    best = BestWeights(training)
    weights = class_weights(data.maps).to(device)
    order = np.empty(0, np.int64)
    rng = np.random.default_rng(training.seed)
    for step in range(steps):
        if len(order) < training.batch_size:
            order = np.concatenate([order, rng.permutation(len(data.latents))])
        rows, order = order[: training.batch_size], order[training.batch_size :]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(training, step, steps)
        net.train()
        loss = _loss(net, data, rows, weights, training, device)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, training.clip_norm)
        optimizer.step()
        averages.step(parameters)
        done = step + 1
        if done % training.validate_every == 0 or done == steps:
            averages.store(parameters)
            averages.copy_to(parameters)
            found = _validated(net, held_out, weights, training, device)
            averages.restore(parameters)
            log(
                done,
                {"loss": loss.item(), "validation_loss": found}
                | best.observe(done, found, averages.shadow_params),
            )
    if not best.copy_to(parameters):
        averages.copy_to(parameters)
    net.eval().requires_grad_(False).to("cpu")
    return best


def _loss(
    net: DirectUNet,
    data: Encoded,
    rows: NDArray[np.int64],
    weights: Tensor,
    training: TrainingConfig,
    device: torch.device,
) -> Tensor:
    latents, pixels, classes = (part.to(device) for part in data.batch(rows))
    with autocast(training.precision, device):
        logits = net(latents, pixels)
    return nn.functional.cross_entropy(logits.float(), classes, weights, ignore_index=-1)


@torch.no_grad()
def _validated(
    net: DirectUNet, data: Encoded, weights: Tensor, training: TrainingConfig, device: torch.device
) -> float:
    net.eval()
    parts = np.array_split(np.arange(len(data.latents)), math.ceil(len(data.latents) / 32))
    losses = [float(_loss(net, data, rows, weights, training, device)) for rows in parts]
    return float(np.average(losses, weights=[len(rows) for rows in parts]))


def class_weights(maps: ClassMaps) -> Tensor:
    """Return (classes,) float32 weights of the cross-entropy, 1 in the mean of all known pixels."""
    counts = np.bincount(maps.classes.ravel(), minlength=len(maps.names) + 1)[1:].astype(float)
    shares = counts / counts.sum()
    weights = np.where(counts > 0, np.maximum(shares, 1e-12) ** -BALANCE, 0.0)
    return torch.from_numpy(weights / (weights * shares).sum()).float()


@dataclass(frozen=True, slots=True, eq=False)
class DirectPredictor:
    """Predicts samples of `entity` and `referring` with a trained network, as a source of
    predictions for `unigs.evaluation.evaluate.evaluate_predictor`.

    Attributes:
        net: on the CPU.
        names, single: as in `ClassMaps`, of the training set.
        min_area: share of the picture below which an entity is left out.
    """

    net: DirectUNet
    autoencoder: Any
    names: tuple[str, ...]
    single: frozenset[str]
    task: Task
    min_area: float

    def __call__(self, samples: Sequence[Sample]) -> list[Prediction]:
        parts = in_batches(samples, len(samples), self._predict, "samples")
        return [prediction for part in parts for prediction in part]

    @torch.inference_mode()
    def _predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        images = np.stack([sample.image for sample in samples])
        latents = encode_images(self.autoencoder, images).float()
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1
        shares = self.net(latents, pixels).float().softmax(dim=1)
        confidence, found = (part.numpy() for part in shares.max(dim=1))
        single = {n for n, name in enumerate(self.names, start=1) if name in self.single}
        predictions = []
        for sample, classes, sure in zip(samples, found + 1, confidence, strict=True):
            kept = classes.astype(np.int16)
            if self.task.coarse == "sampled":
                kept = np.where(sample.coarse_mask & np.isin(kept, self._asked(sample)), kept, 0)
            least = self.min_area * kept.size
            predictions.append(prediction_of(kept.astype(np.int16), sure, single, least))
        return predictions

    def _asked(self, sample: Sample) -> list[int]:
        """Numbers of the classes that the prompt names."""
        asked = {entity.class_name for entity in sample.entities} | set(sample.absent)
        return [number for number, name in enumerate(self.names, start=1) if name in asked]


EVALUATED = tuple(task.name for task in TASKS.values() if task.new_colormap and not task.new_image)
