"""The benchmarks on photographs run with a budget of seconds, on made scenes."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from benchmarks.photo_parts.class_maps import class_map, prediction_of, read_class_maps
from benchmarks.photo_parts.seeds import interval_text, mean_interval
from tests.support.tiny_shards import write_shards
from unigs.config.preset import load_preset
from unigs.metrics.matching import match
from unigs.metrics.segmentation import segmentation_scores
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.shards.read import read_samples
from unigs.tasks import TASKS

SIDE = 32


def small_preset(**changes):
    values = {
        "autoencoder.source": None,
        "data.size": SIDE,
        "unet.architecture.block_out_channels": [16, 16, 16],
        "training.batch_size": 4,
        "training.steps": 4,
        "training.warmup_steps": 1,
        "training.validate_every": 2,
        "training.validation_batches": 1,
        "training.checkpoint_every": 2,
        "evaluation.scenes": 4,
    }
    return load_preset("photo", values | changes)


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
    from benchmarks import supervised_segmenter

    monkeypatch.setattr(
        supervised_segmenter, "load_preset", lambda name, changes: small_preset(**changes)
    )
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
    monkeypatch.setattr(supervised_segmenter, "measured", None)
    supervised_segmenter.main()
    assert capsys.readouterr().out.splitlines()[-1] == told.splitlines()[-1]


def test_a_direct_training_learns(run):
    from benchmarks.photo_parts.direct_unet import encoded, fresh, train_direct
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
    from benchmarks.photo_parts.direct_unet import DirectSource

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
    source = DirectSource(Told(), autoencoder, maps.names, maps.single, TASKS["referring"], 0.0)
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


@pytest.fixture(scope="module")
def latent_run(tmp_path_factory):
    """What a run leaves: the index, samples of all tasks, latents, components."""
    from unigs.datasets import open_dataset
    from unigs.datasets.shapes.generate import write_shapes
    from unigs.index.scene_source import IndexedScenes
    from unigs.index.scenes_index import build_index
    from unigs.latents.build import build_latents
    from unigs.models.components import make_text_encoder
    from unigs.models.text import save_text_encoder
    from unigs.samples.split_options import sample_options
    from unigs.shards.build import build_shards

    folder, preset = tmp_path_factory.mktemp("whole"), small_preset()
    write_shapes(folder / "raw", train=6, val=4, size=SIDE)
    models = ()
    for split in ("train", "val"):
        index = folder / "scenes" / split / "index.parquet"
        index.parent.mkdir(parents=True)
        build_index(open_dataset("shapes", folder / "raw", split), index)
        scenes = IndexedScenes(index)
        for task in TASKS:
            shards = folder / "shards" / split / task
            build_shards(scenes, task, sample_options(preset, scenes.class_names, split), shards)
        if not models:
            images = np.stack([s.image for s in read_samples(folder / "shards" / split / "entity")])
            autoencoder = PatchAutoencoder.fit(images, 2, 4, 1.0)
            tokenizer, text_encoder = make_text_encoder(preset.text, scenes.class_names, 4)
            autoencoder.save_pretrained(folder / "components" / "autoencoder")
            save_text_encoder(folder / "components" / "text_encoder", tokenizer, text_encoder)
            models = autoencoder, text_encoder, tokenizer
        for task in TASKS:
            build_latents(
                folder / "shards" / split / task, folder / "latents" / split / task, *models
            )
    return folder


def test_the_unification_goes_on_with_the_next_training(latent_run, tmp_path, monkeypatch, capsys):
    from benchmarks import unification

    monkeypatch.setattr(unification, "load_preset", lambda name, changes: small_preset(**changes))
    chosen = ["inpainting", "inpainting, image alone", "joint", "joint, random colours"]
    command = [
        "unification", "--run", str(latent_run), "--work", str(tmp_path), "--share", "0.5",
        "--variants", *chosen,
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", [*command, "--seeds", "0", "--minutes", "0"])
    monkeypatch.setattr(unification.time, "monotonic", iter(range(0, 10**6, 7)).__next__)
    unification.main()
    assert [f.name for f in tmp_path.glob("*.json")] == []
    monkeypatch.undo()
    monkeypatch.setattr(unification, "load_preset", lambda name, changes: small_preset(**changes))
    monkeypatch.setattr(sys, "argv", [*command, "--seeds", "0"])
    unification.main()
    first = capsys.readouterr().out
    files = sorted(f.name for f in tmp_path.glob("*.json"))
    assert files == [
        "inpainting-0.json", "inpainting-image-alone-0.json", "joint-0.json",
        "joint-random-colours-0.json",
    ]  # fmt: skip
    assert "| the colormap half helps | inpainting | `miou` |" not in first
    assert "| inpainting, image alone | inpainting | `miou` |" in first
    assert "| located colours help | entity | `miou` |" in first
    assert "one seed" in first
    kept = json.loads((tmp_path / "inpainting-0.json").read_text())
    assert (kept["steps"], kept["samples"]) == (2, {"inpainting": 8})
    monkeypatch.setattr(sys, "argv", [*command[:-4], "inpainting", "--seeds", "0", "1"])
    unification.main()
    told = capsys.readouterr().out
    assert "inpainting, seed 1" in told
    assert "inpainting, seed 0" not in told
    monkeypatch.setattr(sys, "argv", ["unification", "--work", str(tmp_path), "--table"])
    unification.main()
    assert capsys.readouterr().out.strip() == told[told.index("| variant") :].strip()


def test_differences_are_paired_by_seed_and_told_plainly():
    from benchmarks.unification import VARIANTS, tables

    def of(values, metric="frechet_distance"):
        return {
            seed: {"steps": 5, "metrics": {"inpainting": {metric: value}}}
            for seed, value in enumerate(values)
        }

    results = {name: {} for name in VARIANTS}
    results["inpainting"] = of([1.0, 2.0, 3.0])
    results["inpainting, image alone"] = of([2.0, 3.1, 3.9])
    assert "| -1.000 ± 0.248 | 3 | yes |" in tables(results)
    results["inpainting, image alone"] = of([1.5, 1.5, 3.5])
    assert "| 3 | no |" in tables(results)
    results["inpainting, image alone"] = of([0.0, 1.1, 1.9])
    assert "| 3 | the contrary |" in tables(results)
    results["inpainting, image alone"][1]["steps"] = 9
    assert "| 2 |" in tables(results)


def test_the_tables_of_a_part_of_the_trainings_leave_out_seeds_without_a_partner(
    tmp_path, monkeypatch, capsys
):
    from benchmarks import unification

    alone = "inpainting, image alone"

    def table(*finished):
        for number, (variant, seed, steps, distance) in enumerate(finished):
            metrics = {"inpainting": {"frechet_distance": distance, "miou": float("nan")}}
            result = {"variant": variant, "seed": seed, "steps": steps, "metrics": metrics}
            (tmp_path / f"{number}.json").write_text(json.dumps(result))
        monkeypatch.setattr(sys, "argv", ["unification", "--work", str(tmp_path), "--table"])
        unification.main()
        return capsys.readouterr().out.strip().splitlines()

    head = ["| variant | task | metric | value | seeds | steps |", "|---|---|---|---:|---:|---:|"]
    apart = table(("inpainting", 0, 500, 8.0), (alone, 1, 500, 6.0))
    assert apart == [
        *head,
        "| inpainting | inpainting | `frechet_distance` | 8.000 | 1 | 500 |",
        f"| {alone} | inpainting | `frechet_distance` | 6.000 | 1 | 500 |",
    ]
    # One pair, one seed without a partner, one whose partner was trained for longer.
    lines = table(
        ("inpainting", 0, 500, 8.0), ("inpainting", 1, 500, 9.0), ("inpainting", 2, 500, 7.0),
        (alone, 0, 500, 10.0), (alone, 2, 2000, 1.0),
    )  # fmt: skip
    assert lines[2:5] == [
        "| inpainting | inpainting | `frechet_distance` | 8.000 ± 2.484 | 3 | 500 |",
        f"| {alone} | inpainting | `frechet_distance` | 10.000 | 1 | 500 |",
        f"| {alone} | inpainting | `frechet_distance` | 1.000 | 1 | 2000 |",
    ]
    assert lines[5:] == [
        "",
        "| claim | task | metric | difference | seeds | holds |",
        "|---|---|---|---:|---:|---|",
        "| the colormap half helps | inpainting | `frechet_distance` | -2.000 | 1 | one seed |",
    ]


@pytest.fixture(scope="module")
def finished_run(latent_run):
    """The same with a model that was not trained."""
    from unigs.models.autoencoder import load_autoencoder
    from unigs.models.components import fresh_unet
    from unigs.models.text import load_text_encoder
    from unigs.pipeline.assemble import assemble

    preset, components = small_preset(), latent_run / "components"
    autoencoder = load_autoencoder(components / "autoencoder")
    text = load_text_encoder(components / "text_encoder")
    pipeline = assemble(preset, fresh_unet(preset, autoencoder), autoencoder, *text, list(TASKS))
    pipeline.save_pretrained(latent_run / "models" / "joint" / "pipeline")
    return latent_run


def test_the_breakdown_goes_from_the_truth_to_the_model(
    finished_run, tmp_path, monkeypatch, capsys
):
    from benchmarks import photo_breakdown
    from benchmarks.photo_parts.colormap_rows import KNOWN, LATENTS, MEANS, MODEL, PIXELS
    from unigs.io.annotations.segment_ids import id_to_rgb

    monkeypatch.setattr(photo_breakdown, "load_preset", lambda name, changes: small_preset())
    held_out = list(read_samples(finished_run / "shards" / "val" / "entity"))
    for sample in held_out:
        file = tmp_path / "direct" / "entity" / "panoptic" / f"{sample.key}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(id_to_rgb(sample.segments)).save(file)
    command = [
        "breakdown", "--run", str(finished_run), "--work", str(tmp_path / "work"),
        "--training-scenes", "3",
    ]  # fmt: skip
    supervised = ["--tasks", "entity", "--supervised", str(tmp_path / "direct")]
    monkeypatch.setattr(sys, "argv", [*command, *supervised])
    photo_breakdown.main()
    told = capsys.readouterr().out
    found = json.loads((tmp_path / "work" / "entity.json").read_text())
    rows, training = found["held_out"], found["training"]
    assert rows[photo_breakdown.SUPERVISED]["miou"] == 1.0
    assert rows[PIXELS]["rmse"] == 0.0
    # What is told apart by palette and decoder; an untrained network knows nothing.
    assert rows[PIXELS]["miou"] > 0.9 > rows[LATENTS]["miou"] > rows[MODEL]["miou"]
    assert rows[KNOWN]["miou"] < rows[PIXELS]["miou"]
    assert rows[MEANS]["n_entities"] == rows[PIXELS]["n_entities"]
    assert sum(rows[MODEL]["counts"]) == rows[MODEL]["n_entities"]
    blurred = [row["rmse"] for name, row in rows.items() if "blurred" in name]
    assert blurred == sorted(blurred)
    assert blurred[0] > rows[LATENTS]["rmse"]
    noised = [row["rmse"] for name, row in rows.items() if "noise schedule" in name]
    assert noised == sorted(noised)
    assert set(training) == {MODEL, PIXELS, LATENTS, MEANS, KNOWN}
    assert f"| {PIXELS} | {rows[PIXELS]['miou']:.3f} [" in told
    monkeypatch.setattr(photo_breakdown, "measured", None)
    photo_breakdown.main()
    assert capsys.readouterr().out.strip() == told[told.index("| entity") :].strip()


def test_referring_ends_at_the_coarse_mask_in_every_row(finished_run):
    from benchmarks.photo_parts.colormap_rows import KNOWN, PIXELS, ColormapRows
    from unigs.pipeline import UniGSPipeline

    pipeline = UniGSPipeline.from_pretrained(finished_run / "models" / "joint" / "pipeline")
    samples = list(read_samples(finished_run / "shards" / "val" / "referring"))
    rows = dict(ColormapRows(pipeline, TASKS["referring"], "nearest", {}, (0.5,), (1.0,))(samples))
    for reads in rows.values():
        for sample, read in zip(samples, reads, strict=True):
            assert not read.segments[~sample.coarse_mask].any()
            # Black is nothing.
            assert not read.segments[(read.colormap == 0).all(axis=-1)].any()
    scores = [match(s.segments, r.segments) for s, r in zip(samples, rows[PIXELS], strict=True)]
    assert segmentation_scores(scores)["miou"] == 1.0
    assert len(rows[KNOWN]) == len(samples)


def test_predicted_colours_are_averaged_over_true_segments(run):
    from benchmarks.photo_parts.colormap_rows import averaged

    sample = next(read_samples(run / "shards" / "train" / "entity"))
    np.testing.assert_array_equal(averaged(sample.colormap, sample), sample.colormap)
    noisy = sample.colormap.astype(int)
    noisy[::2] += 10
    painted = averaged(np.clip(noisy, 0, 255).astype(np.uint8), sample)
    for label in np.unique(sample.segments):
        assert len(np.unique(painted[sample.segments == label], axis=0)) == 1


def test_quarters_part_the_entities_by_area():
    from benchmarks.photo_breakdown import in_quarters, quarter_edges, scores

    segments = np.repeat([1, 2, 3, 4], [1, 2, 4, 9]).reshape(4, 4).astype(np.int32)
    samples = [type("One", (), {"segments": segments})()]
    edges = quarter_edges(samples)
    found = np.where(segments == 4, 1, 0)
    told = scores(samples, [found], edges)
    assert (told["quarters"], told["counts"]) == ([0.0, 0.0, 0.0, 1.0], [1, 1, 1, 1])
    assert told["miou"] == 0.25
    assert [len(part) for part in in_quarters([match(segments, segments)], [3])][:2] == [2, 2]
