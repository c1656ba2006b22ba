"""Explain a decoding with pictures: the dichotomy tree (the paper's Figure 7) and the errors."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unigs.colormap.clustering.dichotomy import Clusters, dichotomy
from unigs.colormap.decoders import decode
from unigs.colormap.distortion import Distortion
from unigs.colormap.palette import Palette
from unigs.metrics.matching import match

TREE_OPTIONS = ("delta", "criterion", "features", "bits")
THUMB = 128
MAX_NODES = 63
STYLE = (
    "body{font:14px sans-serif;margin:2em}img{image-rendering:pixelated}"
    "ul{list-style:none;border-left:1px solid #999;padding-left:1.5em}"
    "b{color:#b00}figure{display:inline-block;margin:0 1em 1em 0}"
)


def node_picture(clusters: Clusters, node: int) -> np.ndarray:
    """Return (h, w, 3) uint8: the pixels of one node in their mean colour per bin, the rest
    grey."""
    bins = clusters.bins
    table = np.full((len(bins.colors), 3), 90, np.uint8)
    members = clusters.tree[node].members
    table[members] = np.round(bins.colors[members]).astype(np.uint8)
    return np.asarray(table[bins.index])


def error_map(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return (h, w, 3) uint8: grey where matched entities agree, red missed, blue too much, violet
    both.

    Both are label maps (h, w), matched one to one by IoU.
    """
    matches = match(truth, found)
    partner = np.zeros(int(truth.max(initial=0)) + 1, np.int64)
    partner[matches.gt_labels] = matches.pred_labels
    expected = partner[truth]
    right = (expected == found) & ((truth == 0) == (found == 0))
    picture = np.zeros((*truth.shape, 3), np.uint8)
    picture[right] = np.where(truth[right] > 0, 200, 235)[:, None]
    wrong = ~right
    picture[wrong & (truth > 0), 0] = 220
    picture[wrong & (found > 0), 2] = 220
    return picture


def label_picture(segments: np.ndarray) -> np.ndarray:
    """Return (h, w, 3) uint8: every label in a colour of its own, 0 black."""
    label = np.arange(int(segments.max(initial=0)) + 1)
    table = (label[:, None] * np.array([97, 157, 211]) % 192 + 63).astype(np.uint8)
    table[0] = 0
    return np.asarray(table[segments])


def explain_decoding(
    segments: np.ndarray,
    palette: Palette,
    decoder: str,
    folder: Path,
    distortions: Sequence[Distortion] = (),
    background: bool = True,
    **options: Any,
) -> Path:
    """Write PNGs and `index.html` into `folder`, and return the page.

    Shows the colormap before and after `distortions`, what `decoder` makes of it with its error
    map, and the tree of the dichotomy with the left side of equation 7 at each of its first 63
    nodes, depth first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    clean = palette.encode(segments, rng)
    colormap = clean
    for distort in distortions:
        colormap = distort(colormap, rng)
    found = decode(colormap, decoder, palette, background, **options)
    clusters = dichotomy(colormap, **{k: v for k, v in options.items() if k in TREE_OPTIONS})
    pictures = {
        "painted": clean,
        "received": colormap,
        f"decoded by {decoder}": label_picture(found.segments),
        "errors: red missed, blue too much": error_map(segments, found.segments),
    }
    figures = []
    for number, (caption, picture) in enumerate(pictures.items()):
        Image.fromarray(picture).save(folder / f"picture{number}.png")
        figures.append(
            f'<figure><img src="picture{number}.png" width="{2 * THUMB}">'
            f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        )
    children: dict[int, list[int]] = {}
    for node, split in enumerate(clusters.tree[:MAX_NODES]):
        children.setdefault(split.parent, []).append(node)
        thumbnail = Image.fromarray(node_picture(clusters, node))
        thumbnail.thumbnail((THUMB, THUMB))
        thumbnail.save(folder / f"node{node}.png")

    def branch(node: int) -> str:
        split = clusters.tree[node]
        pixels = int(clusters.bins.counts[split.members].sum())
        kind = "cluster" if split.leaf else "split"
        below = "".join(branch(child) for child in children.get(node, []))
        return (
            f'<li><img src="node{node}.png"> <b>{split.distance:.1f}</b> {kind}, {pixels} px'
            f"<ul>{below}</ul></li>"
        )

    tree = "".join(branch(root) for root in children.get(-1, []))
    hidden = max(0, len(clusters.tree) - MAX_NODES)
    page = folder / "index.html"
    page.write_text(
        f"<!doctype html><meta charset=utf-8><title>Decoding</title><style>{STYLE}</style>"
        f"<h1>Decoding of a colormap</h1>{''.join(figures)}<h2>Progressive dichotomy</h2>"
        f"<p>Mean distance to the centre at each node; {hidden} further nodes not drawn.</p>"
        f"<ul>{tree}</ul>",
        encoding="utf-8",
    )
    return page
