"""Speed of the mask metrics: 1,000 images of 20 entities at 512x512, beside pycocotools.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.segmentation [--images 1000] [--json]

Ours is what `unigs evaluate` computes of masks for the entity task: one-to-one matching (`miou`,
`recall_50`, ...), AP^e with and without unlabelled pixels and with constant scores, PQ, and the
bootstrap intervals of all. Beside it, in the same run and for the same figures, what one writes
with pycocotools: masks encoded one by one, IoU of run lengths for the matching and PQ, stock
COCOeval for the three APs; without intervals, which it does not have. Both start from label maps.

    python -m benchmarks.speed.segmentation --memory [--images 1000]

measures instead how the memory of ours grows with the images: the peaks of two processes, one with
ten times as many.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pycocotools import mask as masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from unigs.evaluation.mask_metrics import MaskScores
from unigs.io.process_memory import peak_memory
from unigs.tasks import TASKS

SIDE, ENTITIES, DIFFERENT = 512, 20, 40
ORDERS = 20

Pair = tuple[str, NDArray[np.int32], NDArray[np.int32], dict[int, float]]


def pairs(count: int) -> Iterator[Pair]:
    """Key, truth, prediction and scores: cells of random points, and of the points moved a little.

    A few different ones are made, once, and handed out in turn.
    """
    for number in range(count):
        yield (f"{number:06d}", *_pair(number % DIFFERENT))


@cache
def _pair(seed: int) -> tuple[NDArray[np.int32], NDArray[np.int32], dict[int, float]]:
    rng = np.random.default_rng(seed)
    grid = np.stack(np.mgrid[:SIDE, :SIDE], -1).reshape(-1, 2)
    points = rng.random((ENTITIES, 2)) * SIDE
    moved = points + rng.normal(0, 12, points.shape)
    truth, found = (
        (cKDTree(places).query(grid)[1].reshape(SIDE, SIDE) + 1).astype(np.int32)
        for places in (points, moved)
    )
    return truth, found, {int(k): float(rng.random()) for k in np.unique(found)}


def ours(count: int, intervals: bool) -> tuple[dict[str, float], dict[str, float]]:
    """Return our values and the seconds of both halves: image by image, and at the end."""
    scores = MaskScores(TASKS["entity"])
    valid = np.ones((SIDE, SIDE), bool)
    started = time.perf_counter()
    for key, truth, found, confidence in pairs(count):
        entities = [SimpleNamespace(id=int(k)) for k in range(1, ENTITIES + 1)]
        sample: Any = SimpleNamespace(
            key=key, segments=truth, valid=valid, entities=entities, absent=()
        )
        scores.update(sample, found, confidence)
    middle = time.perf_counter()
    values = {value.name: value.value for value in scores.compute(intervals)}
    return values, {"update": middle - started, "compute": time.perf_counter() - middle}


def with_pycocotools(count: int) -> dict[str, float]:
    """Return the same figures by pycocotools."""
    listed, truths, results = [], [], []
    ious: list[float] = []
    quality, hits, spare = 0.0, 0, 0
    for number, (_, truth, found, confidence) in enumerate(pairs(count), start=1):
        listed.append({"id": number, "height": SIDE, "width": SIDE})
        gt, pred = _encoded(truth), _encoded(found)
        table = masks.iou(list(pred.values()), list(gt.values()), [0] * len(gt))
        rows, columns = linear_sum_assignment(table, maximize=True)
        best = np.zeros(len(gt))
        best[columns] = table[rows, columns]
        ious += best.tolist()
        matched = table[table > 0.5]
        quality, hits = quality + matched.sum(), hits + len(matched)
        spare += len(gt) + len(pred) - 2 * len(matched)
        for rle in gt.values():
            area, box = float(masks.area(rle)), masks.toBbox(rle).tolist()
            truths.append(
                {"id": len(truths) + 1, "image_id": number, "category_id": 1, "iscrowd": 0,
                 "segmentation": rle, "area": area, "bbox": box}
            )  # fmt: skip
        for label, rle in pred.items():
            results.append(
                {"image_id": number, "category_id": 1, "segmentation": rle,
                 "score": confidence[label]}
            )  # fmt: skip
    ground = {"images": listed, "categories": [{"id": 1}], "annotations": truths}
    return {
        "miou": float(np.mean(ious)),
        "recall_50": float(np.mean(np.array(ious) > 0.5)),
        "pq": quality / (hits + spare / 2),
        "ap_e": _average_precision(ground, results),
        "ap_e_void_ignored": _average_precision(ground, results),
        "ap_e_constant": _constant(ground, results),
    }


def _encoded(labels: NDArray[np.int32]) -> dict[int, Any]:
    return {
        int(label): masks.encode(np.asfortranarray(labels == label, np.uint8))
        for label in np.unique(labels)
    }


def _evaluator(ground: dict[str, Any], results: list[dict[str, Any]]) -> COCOeval:
    coco = COCO()
    coco.dataset = ground
    coco.createIndex()
    evaluator = COCOeval(coco, coco.loadRes([dict(one) for one in results]), "segm")
    evaluator.evaluate()
    return evaluator


def _average_precision(ground: dict[str, Any], results: list[dict[str, Any]]) -> float:
    with redirect_stdout(io.StringIO()):
        evaluator = _evaluator(ground, results)
        evaluator.accumulate()
        evaluator.summarize()
    return float(evaluator.stats[0])


def _constant(ground: dict[str, Any], results: list[dict[str, Any]]) -> float:
    rng = np.random.default_rng(0)
    values = []
    with redirect_stdout(io.StringIO()):
        evaluator = _evaluator(ground, [{**one, "score": 1.0} for one in results])
        images, areas = len(evaluator.params.imgIds), len(evaluator.params.areaRng)
        entries = np.array(evaluator.evalImgs, object).reshape(areas, images)
        for _ in range(ORDERS):
            evaluator.evalImgs = entries[:, rng.permutation(images)].ravel().tolist()
            evaluator.accumulate()
            precision = evaluator.eval["precision"][:, :, :, 0, -1]
            values.append(precision[precision > -1].mean())
    return float(np.mean(values))


def measure(count: int) -> dict[str, Any]:
    """Time both and compare their figures."""
    list(pairs(DIFFERENT))
    ours(2, intervals=True)
    values, seconds = ours(count, intervals=True)
    _, plain = ours(count, intervals=False)
    peak = peak_memory(torch.device("cpu"))
    started = time.perf_counter()
    theirs = with_pycocotools(count)
    beside = time.perf_counter() - started
    total, without = sum(seconds.values()), sum(plain.values())
    return {
        "images": count,
        "entities": ENTITIES,
        "seconds": total,
        "seconds_without_intervals": without,
        **{f"seconds_{name}": value for name, value in seconds.items()},
        "seconds_pycocotools": beside,
        "times_as_fast": beside / without,
        "peak_memory_bytes": peak,
        "largest_difference": max(
            abs(values[name] - theirs[name]) for name in theirs if name != "ap_e_constant"
        ),
        "constant_difference": abs(values["ap_e_constant"] - theirs["ap_e_constant"]),
    }


def measure_memory(count: int) -> dict[str, float]:
    """Return the peaks of two processes, over what each used for two images, in bytes."""
    sizes = (count, 10 * count)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as processes:
        less, more = processes.map(_peak, sizes)
    return {
        **{f"bytes_of_{size}": peak for size, peak in zip(sizes, (less, more), strict=True)},
        "bytes_an_image_more": (more - less) / (sizes[1] - sizes[0]),
    }


def _peak(count: int) -> int:
    list(pairs(DIFFERENT))
    ours(2, intervals=True)
    before = peak_memory(torch.device("cpu"))
    ours(count, intervals=True)
    return peak_memory(torch.device("cpu")) - before


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--memory", action="store_true", help="its growth instead of speed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure_memory(options.images) if options.memory else measure(options.images)
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name}: {value:.4g}")


if __name__ == "__main__":
    main()
