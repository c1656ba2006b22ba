"""Two processes measure what one measures, to the last bit."""

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tests.evaluation import test_pinned
from tests.support.evaluation.evaluated_shards import KnowingPipeline, samples
from tests.support.evaluation.toy_evaluators import toy_evaluators
from unigs.evaluation import evaluate as evaluation
from unigs.evaluation.evaluate import evaluate
from unigs.evaluation.mask_metrics import AbsentNamesMetric, VoidIgnoredMetric
from unigs.io.distributed import group, rank_and_world
from unigs.metrics.clip_score import ClipScoreMetric
from unigs.metrics.cmmd import CmmdMetric
from unigs.metrics.entity_metrics import AveragePrecisionMetric, PanopticMetric, SegmentationMetric
from unigs.metrics.frechet import FrechetMetric

IMAGES = 7
#: Images of each process: shares of two sizes, one image handed out twice to fill them; and a
#: process without any.
SHARES = {
    "uneven and padded": ((6, 4, 2, 0, 1), (1, 5, 3)),
    "one idle": ((5, 6, 0, 1, 2, 3, 4), ()),
}
TASKS = ("inpainting", "synthesis", "referring")
#: Evaluations and their samples: the last batch is smaller; fewer batches than processes.
CASES = (*((task, IMAGES) for task in TASKS), ("inpainting", 2))


def measured(numbers):
    """Every metric over the images with these numbers."""
    masks = (SegmentationMetric(), AveragePrecisionMetric(), PanopticMetric(), VoidIgnoredMetric())
    absent, frechet, clip = AbsentNamesMetric(), FrechetMetric(), ClipScoreMetric("clip")
    cmmd = CmmdMetric()
    for number in numbers:
        rng, key = np.random.default_rng(number), f"image {number}"
        gt, pred = rng.integers(0, 4, (2, 6, 6)).repeat(3, 1).repeat(3, 2)
        void = rng.random(gt.shape) < 0.1
        scores = {label: rng.random() for label in (1, 2, 3)}
        segmentation, precision, panoptic, ignored = masks
        segmentation.update(key, gt, pred, gt_ids=[1, 2, 3, 4], pred_ids=[1, 2, 3])
        precision.update(key, gt, pred, scores, void)
        panoptic.update(key, gt, pred, void)
        ignored.update(key, gt, pred, void)
        absent.update(key, gt * (number % 3), pred, bool(number % 2), [1] * (number % 3))
        frechet.update(key, *rng.normal(size=(2, 5)))
        cmmd.update(key, *rng.normal(size=(2, 5)))
        clip.update(key, *rng.normal(size=(2, number, 4)))
    return [metric.compute() for metric in (*masks, absent, frechet, cmmd, clip)]


@dataclass
class Run:
    """What all processes do; the first keeps the results."""

    folder: str

    def __call__(self):
        torch.set_num_threads(1)
        rank, world = rank_and_world()
        results = {}
        for name, shares in SHARES.items():
            together = range(IMAGES) if world == 1 else shares[rank]
            results[name] = measured(together)
        evaluators = toy_evaluators()
        for task, limit in CASES:
            with open(f"{self.folder}/{task}.pickle", "rb") as file:
                drawn = pickle.load(file)
            evaluation.read_samples = lambda folder, drawn=drawn: iter(drawn)
            pipeline = KnowingPipeline(drawn, "noise")
            out = f"{self.folder}/{world} {task} {limit}"
            values = evaluate(pipeline, task, "", evaluators, out, limit, batch_size=2)
            results[task, limit] = values.named()
        for task in test_pinned.TASKS:
            file, out = (
                Path(self.folder, f"pinned {task}.pickle"),
                Path(self.folder, f"pinned {world} {task}"),
            )
            results["pinned", task] = test_pinned.measured(file, task, out)
        return results


def test_two_processes_measure_what_one_measures(tmp_path, monkeypatch):
    for task in TASKS:
        drawn = samples(tmp_path / "scenes", task, IMAGES)
        (tmp_path / f"{task}.pickle").write_bytes(pickle.dumps(drawn))
    for task in test_pinned.TASKS:
        test_pinned.write_pinned_samples(tmp_path, task)
    monkeypatch.setattr(evaluation, "read_samples", None)
    run = Run(str(tmp_path))
    threads = torch.get_num_threads()
    try:
        alone = run()
        with group(2, run):
            both = run()
    finally:
        torch.set_num_threads(threads)
    assert both.keys() == alone.keys()
    # What one process of the two holds alone is something else.
    assert repr(measured(SHARES["uneven and padded"][0])) != repr(alone["uneven and padded"])
    for name, expected in alone.items():
        # As text, since NaN is to be NaN again and every other bit the same.
        assert repr(both[name]) == repr(expected), name
    assert alone["inpainting", IMAGES]["n"] == IMAGES
    for task, limit in CASES:
        one, two = (tmp_path / f"{world} {task} {limit}" for world in (1, 2))
        files = sorted(path.relative_to(one) for path in one.rglob("*.*"))
        assert files == sorted(path.relative_to(two) for path in two.rglob("*.*"))
        for file in files:
            assert (one / file).read_bytes() == (two / file).read_bytes(), file
    for task in test_pinned.TASKS:
        test_pinned.assert_pinned(task, both["pinned", task])
