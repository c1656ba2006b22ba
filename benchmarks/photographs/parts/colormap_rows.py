"""Colormaps between the truth and a model's prediction: what each step from one to the other costs.

A row is a way to make the colormap of a segmentation task, from the true one, the predicted one or
both. All are read by the same decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from unigs.colormap import Palette, decode_batch
from unigs.evaluation.predictions import generator_of, task_inputs
from unigs.models.autoencoder import decode_latents, encode_images, vae_scale_factor
from unigs.models.colormap_latents import encode_colormaps
from unigs.models.text import encode_prompts
from unigs.pipeline import UniGSPipeline
from unigs.pipeline.control import encode_control
from unigs.pipeline.denoise import predict
from unigs.pipeline.frame import Frame
from unigs.pipeline.initial_noise import initial_noise
from unigs.pipeline.inputs import check_inputs
from unigs.samples.sample import Sample
from unigs.tasks import Task

# Blur of the true latents: deviation of a Gaussian, in latent pixels.
BLURS = (0.5, 1.0, 2.0)
# Shares of the noise schedule at which the model sees the noised truth.
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
BATCH = 25
MODEL, PIXELS = "model", "true colormap"
LATENTS = f"{PIXELS} through the autoencoder"
MEANS = "predicted colours, averaged over the true segments"
KNOWN = "predicted colormap, which colours there are is told"


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """A colormap (s, s, 3) uint8 and the segments (s, s) int32 that were read off it."""

    colormap: NDArray[np.uint8]
    segments: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class ColormapRows:
    """All rows of one task.

    Attributes:
        pipeline: the model, on the CPU.
        task: with a new colormap and a given image.
        decoder, options: of all rows but `KNOWN`.
        levels, blurs: see `LEVELS` and `BLURS`.
    """

    pipeline: UniGSPipeline
    task: Task
    decoder: str
    options: Mapping[str, Any] = field(default_factory=dict)
    levels: Sequence[float] = LEVELS
    blurs: Sequence[float] = BLURS

    def __call__(self, samples: Sequence[Sample]) -> Iterator[tuple[str, list[Read]]]:
        """Yield the name of each row and what is read in it, sample by sample."""
        true = np.stack([sample.colormap for sample in samples])
        latents = self._batched(samples, self._encoded)
        found = self._painted(self._batched(samples, self._predicted))
        yield MODEL, self._read(samples, found)
        yield PIXELS, self._read(samples, true)
        yield LATENTS, self._read(samples, self._painted(latents))
        for blur in self.blurs:
            soft = ndimage.gaussian_filter(latents.numpy(), (0, 0, blur, blur), mode="nearest")
            name = f"the same, latents blurred by {blur:g}"
            yield name, self._read(samples, self._painted(torch.from_numpy(soft)))
        for level in self.levels:
            noised = self._batched(samples, partial(self._from_truth, level=level))
            name = f"model, from the truth at {level:g} of the noise schedule"
            yield name, self._read(samples, self._painted(noised))
        means = np.stack([averaged(*pair) for pair in zip(found, samples, strict=True)])
        yield MEANS, self._read(samples, means)
        yield KNOWN, [self._nearest(*pair) for pair in zip(found, samples, strict=True)]

    def _read(self, samples: Sequence[Sample], colormaps: NDArray[np.uint8]) -> list[Read]:
        images = [sample.image for sample in samples]
        decoded = decode_batch(
            colormaps, self.decoder, self._palette, self.task.background, images, **self.options
        )
        return [
            Read(colormap, self._inside(one.segments, sample))
            for colormap, one, sample in zip(colormaps, decoded, samples, strict=True)
        ]

    def _nearest(self, colormap: NDArray[np.uint8], sample: Sample) -> Read:
        """Give each pixel the nearest of the sample's colours, black where the task has it."""
        colors = [entity.color for entity in sample.entities]
        if self.task.background:
            colors = [(0, 0, 0), *colors]
        if not colors:
            return Read(colormap, np.zeros_like(sample.segments))
        away = colormap[:, :, None].astype(np.int64) - np.array(colors)
        nearest = (away**2).sum(-1).argmin(-1).astype(np.int32)
        return Read(colormap, self._inside(nearest + (not self.task.background), sample))

    def _inside(self, segments: NDArray[np.int32], sample: Sample) -> NDArray[np.int32]:
        if self.task.coarse == "sampled":
            return np.where(sample.coarse_mask, segments, 0).astype(np.int32)
        return segments

    @property
    def _palette(self) -> Palette:
        return Palette.from_name(self.pipeline.config["palette"])

    def _painted(self, latents: Tensor) -> NDArray[np.uint8]:
        return decode_latents(self.pipeline.vae, latents)

    def _encoded(self, samples: Sequence[Sample]) -> Tensor:
        colormaps = np.stack([sample.colormap for sample in samples])
        return encode_colormaps(
            self.pipeline.vae, colormaps, self.pipeline.config["refine_steps"]
        ).float()

    def _predicted(self, samples: Sequence[Sample]) -> Tensor:
        return self.pipeline(
            self.task.name,
            num_inference_steps=1,
            generator=self._generators(samples),
            output_type="latent",
            **task_inputs(self.task.name, samples),
        ).colormaps

    @torch.inference_mode()
    def _from_truth(self, samples: Sequence[Sample], level: float) -> Tensor:
        """Return the colormap that one step makes of the true latents, both halves noised."""
        pipeline, scheduler = self.pipeline, self.pipeline.scheduler
        given: dict[str, Any] = dict.fromkeys(("image", "coarse_mask", "prompt", "names"))
        given |= {"colormap": None, **task_inputs(self.task.name, samples)}
        inputs = check_inputs(self.task, self._palette, **given)
        factor = vae_scale_factor(pipeline.vae)
        frame = Frame.choose(*inputs.source.shape[1:3], factor, None, "native")
        control, coarse = encode_control(
            inputs, frame, pipeline.vae, pipeline.config["refine_steps"], torch.device("cpu")
        )
        text = encode_prompts(pipeline.tokenizer, pipeline.text_encoder, inputs.prompts)
        images = encode_images(pipeline.vae, np.stack([sample.image for sample in samples]))
        clean = torch.cat([images.float(), self._encoded(samples)], dim=1)
        noise = initial_noise(control, self._generators(samples))
        timestep = torch.tensor(round(level * scheduler.config["num_train_timesteps"]) - 1)
        noised = scheduler.add_noise(clean, noise, timestep[None])
        joint = pipeline.unet.config.num_class_embeds is not None
        labels = torch.full((len(samples),), self.task.index) if joint else None
        found = predict(pipeline.unet, noised, timestep, coarse, control, text, labels, 1.0)
        scheduler.set_timesteps(1)
        return scheduler.step(found, timestep, noised).pred_original_sample.chunk(2, dim=1)[1]

    def _generators(self, samples: Sequence[Sample]) -> list[torch.Generator]:
        return [generator_of(0, self.task.name, sample.key) for sample in samples]

    def _batched(
        self, samples: Sequence[Sample], made: Callable[[Sequence[Sample]], Tensor]
    ) -> Tensor:
        parts = range(0, len(samples), BATCH)
        return torch.cat([made(samples[start : start + BATCH]) for start in parts]).float()


def averaged(colormap: NDArray[np.uint8], sample: Sample) -> NDArray[np.uint8]:
    """Return the colormap with each true segment, the ground too, in the mean of its colours."""
    labels = sample.segments.ravel()
    counts = np.maximum(np.bincount(labels), 1)
    sums = [np.bincount(labels, channel) for channel in colormap.reshape(-1, 3).T.astype(float)]
    means = np.rint(np.stack(sums, axis=1) / counts[:, None]).astype(np.uint8)
    return means[sample.segments]
