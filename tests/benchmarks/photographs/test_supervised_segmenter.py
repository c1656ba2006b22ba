"""The benchmarks on photographs run with a budget of seconds, on made scenes."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.photographs.parts.class_maps import class_map, prediction_of, read_class_maps
from benchmarks.photographs.parts.seeds import interval_text, mean_interval
from tests.support.data.tiny_shards import write_shards
from tests.support.runs.photo_run import SIDE, small_preset
from unigs.metrics.matching import match
from unigs.metrics.segmentation import segmentation_scores
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.shards.read import read_samples
from unigs.tasks import TASKS


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What a run leaves: shards of both splits and an autoencoder."""
    folder = tmp_path_factory.mktemp("run")
    for split, count in (("train", 8), ("val", 4)):
        write_shards(folder / "shards" / split, ["entity", "referring"], count, size=SIDE)
    images = np.stack([s.image for s in read_samples(folder / "shards" / "train" / "entity")])
    PatchAutoencoder.fit(images, 2, 4, 1.0).save_pretrained(folder / "components" / "autoencoder")
    return folder


def test_the_true_class_map_gives_the_true_entities(run):
    shards = run / "shards" / "train" / "entity"
    maps = read_class_maps(shards)
    index = {name: number for number, name in enumerate(maps.names, start=1)}
    sure = np.ones((SIDE, SIDE), np.float32)
    single = [index[name] for name in maps.single]
    scores = []
    for sample, classes in zip(read_samples(shards), maps.classes, strict=True):
        np.testing.assert_array_equal(classes, class_map(sample, index))
        assert not classes[sample.segments == 0].any()
        found = prediction_of(classes, sure, single, 0)
        assert sorted(found.scores) == list(range(1, int(found.segments.max()) + 1))
        scores.append(match(sample.segments, found.segments))
    # Two things of one class that touch, or one that another cuts in two, are not told apart.
    assert segmentation_scores(scores)["miou"] > 0.8
    assert 0 < len(maps.single) < len(maps.names)


def test_small_parts_are_left_out_and_a_single_class_stays_whole():
    classes = np.zeros((8, 8), np.int16)
    classes[:3, :3] = classes[5:, 5:] = 1
    classes[0, 7] = 2
    sure = np.full((8, 8), 0.25, np.float32)
    apart = prediction_of(classes, sure, [], 2)
    assert apart.scores == {1: 0.25, 2: 0.25}
    whole = prediction_of(classes, sure, [1], 1)
    assert whole.segments[0, 0] == whole.segments[7, 7]
    assert len(whole.scores) == 2


def test_the_supervised_segmenter_is_trained_evaluated_and_kept(run, tmp_path, monkeypatch, capsys):
    from benchmarks.photographs import supervised_segmenter
    from benchmarks.photographs.parts import shortened

    monkeypatch.setattr(shortened, "load_preset", lambda name, changes: small_preset(**changes))
    command = ["supervised", "--run", str(run), "--work", str(tmp_path), "--seeds", "0", "1"]
    monkeypatch.setattr(sys, "argv", command)
    supervised_segmenter.main()
    told = capsys.readouterr().out
    assert "±" in told
    kept = json.loads((tmp_path / "direct-1.json").read_text())
    operations = kept["steps"] * kept["sample_flop"]
    assert operations == pytest.approx(4 * kept["generative_sample_flop"], rel=0.3)
    assert kept["metrics"]["referring"].keys() >= {"miou", "recall_50", "ap_e", "absent.miou"}
    assert kept["best_step"] in [entry["step"] for entry in kept["curve"]]
    assert kept["generative_steps"] == small_preset().training.steps
    monkeypatch.setattr(sys, "argv", [*command[:-1], "--latents-alone"])
    supervised_segmenter.main()
    assert not json.loads((tmp_path / "direct-latents-0.json").read_text())["sees_pixels"]
    monkeypatch.setattr(sys, "argv", command)
    capsys.readouterr()
    monkeypatch.setattr(supervised_segmenter, "measured", None)
    supervised_segmenter.main()
    assert capsys.readouterr().out.splitlines()[-1] == told.splitlines()[-1]


def test_generation_is_compared_with_direct_prediction_of_the_same_seed_and_operations():
    from benchmarks.photographs.supervised_segmenter import SHOWN, ratios

    def kept(value, seed, **other):
        metrics = {task: dict.fromkeys(SHOWN, value) for task in ("referring", "entity")}
        return {"seed": seed, "metrics": metrics, **other}

    direct = [kept(value, seed, generative_steps=500) for seed, value in enumerate((0.2, 0.4, 0.5))]
    joint = {0: kept(0.1, 0, steps=500), 1: kept(0.4, 1, steps=500), 2: kept(0.5, 2, steps=2000)}
    lines = ratios(direct, {"joint": joint, "referring": {}, "entity": {}}).splitlines()
    mean, half = mean_interval([0.5, 1.0])
    assert f"| joint | entity | `miou` | {interval_text([0.1, 0.4])} |" in "\n".join(lines)
    assert lines[2].endswith(f"| {mean:.3f} ± {half:.3f} | 2 |")
    assert len(lines) == 2 + 2 * len(SHOWN)


def test_a_direct_training_learns(run):
    from benchmarks.photographs.parts.direct_unet import encoded, fresh, train_direct
    from unigs.models.autoencoder import load_autoencoder

    autoencoder = load_autoencoder(run / "components" / "autoencoder")
    maps = read_class_maps(run / "shards" / "train" / "entity")
    data = encoded(maps, autoencoder)
    preset = small_preset(**{"training.validate_every": 10, "training.learning_rate": 1e-2})
    net = fresh(preset, autoencoder, len(maps.names))
    losses = []
    train_direct(net, data, data, preset.training, 60, lambda _, v: losses.append(v))
    assert losses[-1]["validation_loss"] < 0.8 * losses[0]["validation_loss"]


def test_referring_takes_what_is_named_inside_the_coarse_mask(run):
    from benchmarks.photographs.parts.direct_unet import DirectPredictor

    class Told:
        """Predicts the class map that it was told."""

        def __call__(self, latents, pixels):
            import torch

            return torch.from_numpy(np.eye(len(maps.names))[truth - 1]).permute(0, 3, 1, 2) * 9

    maps = read_class_maps(run / "shards" / "train" / "entity")
    index = {name: number for number, name in enumerate(maps.names, start=1)}
    sample = next(s for s in read_samples(run / "shards" / "train" / "referring") if s.entities)
    sample = replace(sample, absent=())
    from unigs.models.autoencoder import load_autoencoder

    autoencoder = load_autoencoder(run / "components" / "autoencoder")
    truth = class_map(sample, index)[None].astype(int)
    outside = ~sample.coarse_mask
    truth[0][outside] = index[sample.entities[0].class_name]
    other = next(
        n for name, n in index.items() if name not in {e.class_name for e in sample.entities}
    )
    truth[truth == 0] = other
    source = DirectPredictor(Told(), autoencoder, maps.names, maps.single, TASKS["referring"], 0.0)
    (found,) = source([sample])
    assert not found.segments[outside].any()
    assert not found.segments[(truth[0] == other)].any()
    assert (found.segments > 0).sum() == (sample.segments > 0).sum()


def test_intervals_over_seeds():
    mean, half = mean_interval([1.0, 2.0, 3.0])
    assert (mean, round(half, 3)) == (2.0, 2.484)
    assert interval_text([0.5]) == "0.500"
    assert interval_text([]) == "-"
    assert interval_text([1.0, 2.0, 3.0]) == "2.000 ± 2.484"
