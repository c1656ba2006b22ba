"""A Mask2Former of transformers, small and from scratch, on the samples that our model learns from.

    python -m benchmarks.competitors.mask2former_counterpart --out FOLDER
        --shards STORE/shapes-tiny/shards/train/entity [--steps 600] [--batch 16] [--seed 0]

A counterpart of the paper's Tables 5 and 6. It has transformers' classes,
losses and processor, so that ``unigs evaluate --pipeline mask2former --checkpoint FOLDER`` scores
it as it would a published one (docs/competitors.md says how far that was seen). Pictures are shown
to it at twice their size, since its masks have a quarter of what it sees.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    Mask2FormerImageProcessor,
    SwinConfig,
)

from unigs.samples.sample import Sample
from unigs.shards.read import read_samples

ENLARGED = 2
LEARNING_RATE, WARMUP = 1e-3, 50
_SAY_EVERY = 50


def fresh(names: Sequence[str], size: int, seed: int) -> Mask2FormerForUniversalSegmentation:
    """Return a network of random weights for square images of ``size`` pixels."""
    backbone = SwinConfig(
        image_size=size, embed_dim=32, depths=[1, 1, 2, 1], num_heads=[2, 2, 4, 4], window_size=4,
        out_features=["stage1", "stage2", "stage3", "stage4"], drop_path_rate=0.0,
    )  # fmt: skip
    config = Mask2FormerConfig(
        backbone_config=backbone, hidden_dim=64, feature_size=64, mask_feature_size=64,
        encoder_layers=2, decoder_layers=4, encoder_feedforward_dim=128, dim_feedforward=128,
        num_attention_heads=4, num_queries=16, train_num_points=1024,
        id2label=dict(enumerate(names)),
        label2id={name: n for n, name in enumerate(names)},
    )  # fmt: skip
    torch.manual_seed(seed)
    return Mask2FormerForUniversalSegmentation(config)


def train(
    model: Mask2FormerForUniversalSegmentation,
    processor: Mask2FormerImageProcessor,
    samples: Sequence[Sample],
    steps: int,
    batch: int,
    seed: int,
) -> None:
    """Train in place: AdamW, a warm-up and a cosine down to 0, gradients of norm 1 at most."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps, pct_start=min(0.3, WARMUP / steps)
    )
    rng, order, began = np.random.default_rng(seed), np.empty(0, np.int64), time.monotonic()
    model.train()
    for step in range(steps):
        if len(order) < batch:
            order = np.concatenate([order, rng.permutation(len(samples))])
        rows, order = order[:batch], order[batch:]
        loss = model(**inputs(model, processor, [samples[row] for row in rows])).loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if not (step + 1) % _SAY_EVERY:
            seconds = time.monotonic() - began
            print(f"step {step + 1}: loss {loss.item():.2f}, {seconds:.0f} s", flush=True)
    model.eval()


def inputs(
    model: Mask2FormerForUniversalSegmentation,
    processor: Mask2FormerImageProcessor,
    samples: Sequence[Sample],
) -> dict[str, Any]:
    """Return pixels, masks and classes of some samples, as transformers takes them."""
    numbers: Any = model.config.label2id
    kinds = [{one.id: numbers[one.class_name] for one in sample.entities} for sample in samples]
    return dict(
        processor(
            images=[sample.image for sample in samples],
            segmentation_maps=[sample.segments for sample in samples],
            instance_id_to_semantic_id=kinds,
            ignore_index=0,
            return_tensors="pt",
        )
    )


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=Path, required=True, help="entity shards to train on")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    samples = list(read_samples(options.shards))
    names = sorted({one.class_name for sample in samples for one in sample.entities})
    size = ENLARGED * samples[0].image.shape[0]
    model = fresh(names, size, options.seed)
    processor = Mask2FormerImageProcessor(
        size={"height": size, "width": size}, do_reduce_labels=False, ignore_index=0
    )
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{len(samples)} samples, {len(names)} classes, {parameters:,} parameters", flush=True)
    train(model, processor, samples, options.steps, options.batch, options.seed)
    model.save_pretrained(options.out)
    processor.save_pretrained(options.out)


if __name__ == "__main__":
    main()
