"""Train the small dual encoder on scenes: crops against class names, images against prompts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from transformers import CLIPConfig, CLIPModel

from unigs.evaluators.dual_encoder import DualEncoder, image_features, text_features
from unigs.evaluators.scene_arrays import SceneArrays, gather
from unigs.io.machine import autocast, machine
from unigs.io.process_memory import freed_memory_kept
from unigs.models.tokenizer import build_tokenizer
from unigs.scene import Scene

LABEL = "clip"


@dataclass(frozen=True, slots=True)
class DualEncoderOptions:
    """Size and schedule; the defaults take under a minute on two cores at 64x64.

    ``size`` pixels per side, ``patch`` pixels per token, ``width`` and ``layers`` of the vision
    tower, ``dimensions`` of the shared space, ``scenes`` read at most, ``steps`` of ``batch``
    pairs, peak ``learning_rate``, ``held_out`` share of the scenes, ``names_at_most`` names in a
    prompt.
    """

    size: int = 64
    patch: int = 16
    width: int = 128
    layers: int = 3
    dimensions: int = 64
    scenes: int = 3000
    steps: int = 500
    batch: int = 64
    learning_rate: float = 1.5e-3
    held_out: float = 0.1
    names_at_most: int = 4
    crop_share: float = 0.6
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class TextPairs:
    """Images with a text each, a text being its class names; ``shown[i]`` are all the classes
    that image i really shows."""

    images: list[NDArray[np.uint8]]
    texts: list[tuple[str, ...]]
    shown: list[frozenset[str]]


@freed_memory_kept()
def train_dual_encoder(
    scenes: Iterable[Scene],
    options: DualEncoderOptions | None = None,
    progress: Callable[[int, float], object] | None = None,
) -> DualEncoder:
    """Train on scenes (the train split: never on what a model made).

    A text is a negative of an image only if it names a class that the image does not show; the
    same text twice in a batch is one. The last ``held_out`` share of the scenes is scored into
    ``accuracy``: ``crop`` (class of an entity's crop among all names), ``prompt`` (own prompt
    among 16), ``n`` scenes and ``seconds``. ``progress(step, loss)`` is called at every step.
    """
    options = options or DualEncoderOptions()
    started = time.monotonic()
    fit, held_out = gather(scenes, options.size, options.scenes).split(options.held_out)
    encoder = _fresh(fit, options)
    model = encoder.model.requires_grad_(True).train()
    optimiser = torch.optim.AdamW(
        model.parameters(), options.learning_rate, weight_decay=0.01, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.learning_rate, total_steps=options.steps, pct_start=0.1
    )
    rng = np.random.default_rng(options.seed)
    for step in range(options.steps):
        loss = _contrast(encoder, _draw(fit, rng, options))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if progress is not None:
            progress(step, loss.item())
    model.eval().requires_grad_(False)
    # As it is when loaded: the two round differently.
    model.set_attn_implementation("sdpa")
    encoder.accuracy = _score(encoder, held_out, options)
    encoder.accuracy["seconds"] = time.monotonic() - started
    return encoder


def _fresh(arrays: SceneArrays, options: DualEncoderOptions) -> DualEncoder:
    tokenizer = build_tokenizer(arrays.names)
    common = {
        "hidden_size": options.width,
        "intermediate_size": 4 * options.width,
        "num_attention_heads": max(1, options.width // 32),
    }
    text = {
        **common,
        "vocab_size": len(tokenizer),
        "num_hidden_layers": 2,
        "max_position_embeddings": int(tokenizer.model_max_length),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        **common,
        "num_hidden_layers": options.layers,
        "image_size": options.size,
        "patch_size": options.patch,
    }
    config = CLIPConfig(
        text_config=text,
        vision_config=vision,
        projection_dim=options.dimensions,
        attn_implementation="sdpa" if machine().fused_attention else "eager",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        model = CLIPModel(config)
    half = (0.5, 0.5, 0.5)
    return DualEncoder(model, tokenizer, LABEL, half, half)


def _draw(arrays: SceneArrays, rng: np.random.Generator, options: DualEncoderOptions) -> TextPairs:
    pairs = TextPairs([], [], [])
    for i in rng.integers(len(arrays.images), size=options.batch).tolist():
        if rng.random() < options.crop_share:
            _add_crop(pairs, arrays, i, rng)
        else:
            _add_image(pairs, arrays, i, rng, options.names_at_most)
    return pairs


def _names(arrays: SceneArrays, classes: NDArray[np.int64], share: float = 0.0) -> list[str]:
    """Return the names on more than ``share`` of the pixels, largest first."""
    counts = np.bincount(classes.ravel(), minlength=len(arrays.names) + 1)[1:]
    order = np.argsort(-counts, kind="stable")
    return [arrays.names[k] for k in order if counts[k] > share * classes.size]


def _add_crop(pairs: TextPairs, arrays: SceneArrays, i: int, rng: np.random.Generator) -> None:
    boxes = ndimage.find_objects(arrays.segments[i])
    present = [label for label, box in enumerate(boxes, start=1) if box is not None]
    if not present:
        return
    label = int(rng.choice(present))
    box = boxes[label - 1]
    inside = arrays.segments[i][box] == label
    name = arrays.names[int(arrays.classes[i][box][inside][0]) - 1]
    pairs.images.append(arrays.images[i][box])
    pairs.texts.append((name,))
    pairs.shown.append(frozenset([name, *_names(arrays, arrays.classes[i][box], 0.1)]))


def _add_image(
    pairs: TextPairs, arrays: SceneArrays, i: int, rng: np.random.Generator, at_most: int
) -> None:
    names = _names(arrays, arrays.classes[i])
    if not names:
        return
    count = int(rng.integers(1, min(at_most, len(names)) + 1))
    chosen = set(rng.choice(names, count, replace=False).tolist())
    pairs.images.append(arrays.images[i])
    pairs.texts.append(tuple(name for name in names if name in chosen))
    pairs.shown.append(frozenset(names))


def _contrast(encoder: DualEncoder, pairs: TextPairs) -> Tensor:
    """Symmetric cross-entropy over the batch's different texts, true ones no negatives."""
    texts = sorted(set(pairs.texts))
    own = torch.tensor([texts.index(text) for text in pairs.texts])
    with autocast("auto", torch.device("cpu")):
        images = image_features(encoder.model, encoder.pixels(pairs.images))
        words = text_features(encoder.model, encoder.tokens([", ".join(text) for text in texts]))
    cosine = _unit(images) @ _unit(words).T
    logits = cosine * encoder.model.logit_scale.clamp(max=4.0).exp()
    true = truths(texts, pairs)
    true[torch.arange(len(own)), own] = False
    by_image = torch.nn.functional.cross_entropy(logits.masked_fill(true, -torch.inf), own)
    picture = torch.arange(len(own))
    rivals = true | (own[:, None] == torch.arange(len(texts))[None])
    columns = logits.T[own].masked_fill(rivals.T[own] & (picture[:, None] != picture), -torch.inf)
    return (by_image + torch.nn.functional.cross_entropy(columns, picture)) / 2


def _unit(vectors: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors.float())


def truths(texts: list[tuple[str, ...]], pairs: TextPairs) -> Tensor:
    """Return (images, texts) bool: the image shows everything that the text names."""
    return torch.tensor([[shown.issuperset(text) for text in texts] for shown in pairs.shown])


def _score(
    encoder: DualEncoder, arrays: SceneArrays, options: DualEncoderOptions
) -> dict[str, float]:
    rng = np.random.default_rng(options.seed + 1)
    crops, prompts = TextPairs([], [], []), TextPairs([], [], [])
    for i in range(len(arrays.images)):
        _add_crop(crops, arrays, i, rng)
        _add_image(prompts, arrays, i, rng, options.names_at_most)
    names = encoder.embed_texts(arrays.names)
    found = _cosine(encoder.embed_images(crops.images), names).argmax(1)
    right = [arrays.names[k] == text[0] for k, text in zip(found, crops.texts, strict=True)]
    texts = sorted(set(prompts.texts))
    similar = _cosine(
        encoder.embed_images(prompts.images),
        encoder.embed_texts([", ".join(text) for text in texts]),
    )
    chosen = []
    for row, text, shown in zip(similar, prompts.texts, prompts.shown, strict=True):
        false = [k for k, other in enumerate(texts) if not shown.issuperset(other)]
        rivals = rng.permutation(false).astype(int)[:15]
        chosen.append(row[texts.index(text)] > max(row[rivals], default=-2))
    return {
        "crop": float(np.mean(right)),
        "prompt": float(np.mean(chosen)),
        "n": float(len(arrays.images)),
    }


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    return (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (
        b / np.linalg.norm(b, axis=1, keepdims=True)
    ).T
