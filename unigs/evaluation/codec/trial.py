"""Encode, distort and decode given segments, and measure what the codec loses."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from unigs.colormap.decoders import DEFAULT_DECODER, decode
from unigs.colormap.distortion import Distortion
from unigs.colormap.palette import Palette
from unigs.metrics.entity_precision import EntityOverlaps, entity_precision
from unigs.metrics.matching import Matches, match
from unigs.metrics.segmentation import segmentation_scores
from unigs.scene import Scene

TRUE_CLUSTERS = -1


def trial_segments(
    scene: Scene, size: int, max_entities: int | None, rng: np.random.Generator
) -> np.ndarray:
    """Return the segments (size, size) int32 of a scene: crowd removed, nearest resize of either
    side.

    With `max_entities`, that many of the entities that still own a pixel, drawn uniformly.
    """
    segments = np.where(scene.valid, scene.segments, 0).astype(np.int32)
    resized = Image.fromarray(segments).resize((size, size), Image.Resampling.NEAREST)
    segments = np.array(resized, np.int32)
    labels = np.unique(segments[segments > 0])
    if max_entities is not None and len(labels) > max_entities:
        chosen = rng.choice(labels, max_entities, replace=False)
        segments = np.where(np.isin(segments, chosen), segments, 0).astype(np.int32)
    return segments


def run_trial(
    samples: Iterable[tuple[str, np.ndarray]],
    palette: Palette,
    decoder: str = DEFAULT_DECODER,
    *,
    distortions: Sequence[Distortion] = (),
    background: bool = True,
    average_precision: bool = False,
    seed: int = 0,
    **options: Any,
) -> dict[str, Any]:
    """Round trip of (key, segments (h, w)) pairs; counts, coverage, scores and medians in ms.

    `distortions` are applied in turn to each colormap. The seed of the noise and of random
    colours depends on `seed` and the position. For k-means `clusters=TRUE_CLUSTERS` gives the
    decoder the number of colours that were painted, black included where it occurs. With
    `average_precision` the scores are evaluated too (`ap_e`, `ap_e_constant`).
    """
    matches: dict[str, Matches] = {}
    masks: dict[str, EntityOverlaps] = {}
    encode_ms, decode_ms, square = [], [], []
    covered = entities = 0
    for position, (key, segments) in enumerate(samples):
        rng = np.random.default_rng([seed, position])
        drawn = int(rng.integers(2**32))
        if position == 0:
            decode(palette.encode(segments, drawn), decoder, palette, background, **_few(options))
        start = time.perf_counter()
        clean = palette.encode(segments, drawn)
        encode_ms.append(1e3 * (time.perf_counter() - start))
        colormap = clean
        for distort in distortions:
            colormap = distort(colormap, rng)
        square.append(float(((colormap.astype(np.float64) - clean) ** 2).mean()))
        placement = palette.place(segments)
        covered, entities = covered + placement.covered, entities + len(placement.labels)
        chosen = dict(options)
        if chosen.get("clusters") == TRUE_CLUSTERS:
            chosen["clusters"] = max(1, len(np.unique(clean.reshape(-1, 3), axis=0)))
        start = time.perf_counter()
        found = decode(colormap, decoder, palette, background, **chosen)
        decode_ms.append(1e3 * (time.perf_counter() - start))
        matches[key] = match(segments, found.segments)
        if average_precision:
            scores = {i + 1: float(score) for i, score in enumerate(found.scores)}
            masks[key] = EntityOverlaps.of(key, segments, found.segments, scores)
    result = segmentation_scores(matches[key] for key in sorted(matches))
    report = {
        "images": len(decode_ms),
        "entities": entities,
        "coverage": covered / entities if entities else 1.0,
        "miou": result["miou"],
        "recall_50": result["recall_50"],
        "miou_image": result["miou_image"],
        "predicted": int(result["n_predicted"]),
        "colormap_rmse": float(np.sqrt(np.mean(square))) if square else 0.0,
        "decode_ms_median": float(np.median(decode_ms)) if decode_ms else None,
        "encode_ms_median": float(np.median(encode_ms)) if encode_ms else None,
        "decoder": decoder,
        "palette": palette.name,
    }
    if average_precision:
        found_ap = entity_precision(masks)
        report |= {name: found_ap[name] for name in ("ap_e", "ap_e_constant")}
    return report


def _few(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options for the warm-up that compiles the kernels."""
    return {name: 2 if value == TRUE_CLUSTERS else value for name, value in options.items()}
