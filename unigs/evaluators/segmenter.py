"""A small semantic segmenter read as panoptic: connected components of things, whole stuff.

It replaces the Mask2Former with which the paper evaluates whether a synthesised image follows
the given colormap (section 4.3).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from unigs.errors import ModelError
from unigs.evaluators.identity import evaluator_name, read_identity, write_identity
from unigs.io.device import in_batches
from unigs.io.files import finish_replacing, replacing_folder
from unigs.metrics.matching import components

WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class Segmented:
    """``segments`` (h, w) int32, 0 = nothing; ``classes`` gives each label's class name and
    ``scores``, where the evaluator has any, its confidence."""

    segments: NDArray[np.int32]
    classes: dict[int, str]
    scores: dict[int, float] = field(default_factory=dict)


class PanopticEvaluator(Protocol):
    """Evaluator of synthesis: ours or the paper's."""

    name: str
    accuracy: dict[str, float]

    def segment(self, images: Sequence[NDArray[np.uint8]]) -> Iterator[Segmented]:
        """Segment each (h, w, 3) uint8 image, in order."""
        ...


class SegmentationNet(nn.Module):
    """Convolutional encoder and decoder with skips over three halvings; (n, 3, h, w) in [-1, 1].

    Returns (n, classes + 1, h, w) logits, class 0 = unlabelled. Sides must be multiples of 8.
    """

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        sizes = (width, 2 * width, 4 * width, 4 * width)
        self.stem = _block(3, sizes[0], 1)
        self.down = nn.ModuleList(_block(a, b, 2) for a, b in pairwise(sizes))
        self.deep = nn.ModuleList(_block(size, size, 1) for size in sizes[1:])
        steps = list(zip(sizes[:0:-1], sizes[-2::-1], strict=True))
        self.thin = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in steps)
        self.up = nn.ModuleList(_block(2 * b, b, 1) for _, b in steps)
        self.head = nn.Conv2d(sizes[0], classes + 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        levels = [self.stem(images)]
        for down, deep in zip(self.down, self.deep, strict=True):
            half = down(levels[-1])
            levels.append(half + deep(half))
        x = levels.pop()
        for thin, up in zip(self.thin, self.up, strict=True):
            wide = nn.functional.interpolate(thin(x), scale_factor=2.0, mode="nearest")
            x = up(torch.cat([wide, levels.pop()], 1))
        return self.head(x)


def _block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.GroupNorm(max(1, outputs // 8), outputs),
        nn.SiLU(inplace=True),
    )


class Segmenter:
    """The trained net with its classes; ``accuracy`` is what it scored on held-out scenes."""

    def __init__(
        self,
        net: SegmentationNet,
        names: Sequence[str],
        things: frozenset[str],
        width: int,
        name: str,
        accuracy: Mapping[str, float] | None = None,
        device: str = "cpu",
    ) -> None:
        self.net = net.eval().requires_grad_(False).to(device)
        self.names, self.things, self.width = tuple(names), things, width
        self.name = name
        self.accuracy: dict[str, float] = dict(accuracy or {})
        self._device = device

    @torch.inference_mode()
    def classify(self, images: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return (n, h, w) int64 class maps of (n, h, w, 3) uint8 images: 0, or 1 + index into
        names."""
        height, width = images.shape[1:3]
        pixels = to_pixels(images).to(self._device)
        padding = (0, -width % 8, 0, -height % 8)
        logits = self.net(nn.functional.pad(pixels, padding, mode="replicate"))
        return logits[:, :, :height, :width].argmax(1).cpu().numpy()

    def segment(
        self, images: Sequence[NDArray[np.uint8]], batch_size: int = 32
    ) -> Iterator[Segmented]:
        """Yield the class map of each image cut into 8-connected things and one region per stuff
        class."""

        def classify(batch: Sequence[NDArray[np.uint8]]) -> NDArray[np.int64]:
            return self.classify(np.stack(batch))

        for part in in_batches(images, batch_size, classify, "pictures"):
            for classes in part:
                yield split_classes(classes, self.names, self.things)

    def save(self, folder: Path, label: str) -> None:
        """Write weights, ``config.json`` and ``evaluator.json``, atomically."""
        with replacing_folder(Path(folder)) as partial:
            self._write(partial, label)
        self.name = evaluator_name(Path(folder))

    def _write(self, folder: Path, label: str) -> None:
        state = {key: value.contiguous().cpu() for key, value in self.net.state_dict().items()}
        save_file(state, folder / WEIGHTS)
        config = {"names": self.names, "things": sorted(self.things), "width": self.width}
        (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        write_identity(folder, {"label": label, "kind": "segmenter", "accuracy": self.accuracy})

    @classmethod
    def load(cls, folder: Path | str, device: str = "cpu") -> Segmenter:
        """Load what :meth:`save` wrote; raises ModelError with the file at fault."""
        folder = Path(folder)
        finish_replacing(folder)
        name = evaluator_name(folder)
        try:
            config = json.loads((folder / "config.json").read_text())
            net = SegmentationNet(len(config["names"]), config["width"])
            net.load_state_dict(load_file(folder / WEIGHTS))
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"{folder}: not a segmenter ({reason}); train it again") from error
        accuracy = read_identity(folder).get("accuracy")
        things = frozenset(config["things"])
        return cls(net, config["names"], things, config["width"], name, accuracy, device)


def to_pixels(images: NDArray[np.uint8]) -> Tensor:
    """(n, h, w, 3) uint8 -> (n, 3, h, w) float32 in [-1, 1]."""
    return torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1


def split_classes(
    classes: NDArray[np.int64], names: Sequence[str], things: frozenset[str]
) -> Segmented:
    """Return a (h, w) class map as segments: connected components of things, stuff classes whole.

    Two touching things of one class stay one segment; the score of the real images shows what
    that costs.
    """
    segments = np.zeros(classes.shape, np.int32)
    labels: dict[int, str] = {}
    for index in np.unique(classes[classes > 0]).tolist():
        name = names[index - 1]
        mask = classes == index
        parts = components(mask) if name in things else mask.astype(np.int32)
        for label in range(1, int(parts.max()) + 1):
            labels[len(labels) + 1] = name
            segments[parts == label] = len(labels)
    return Segmented(segments, labels)
