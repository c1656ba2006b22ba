import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.support.models.vision_models import write_clip, write_dinov2, write_inception
from unigs.cli.score import score
from unigs.errors import DataError
from unigs.evaluators.dinov2 import Dinov2Features
from unigs.evaluators.dual_encoder import DualEncoder


def run(*arguments):
    result = CliRunner().invoke(score, [str(part) for part in arguments], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[-1])


def write_images(folder, names, seed=0, top=256):
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for name in names:
        pixels = rng.integers(0, top, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def test_images_gives_every_metric_of_the_networks_that_are_given(tmp_path):
    clip = write_clip(tmp_path / "clip")
    real = write_images(tmp_path / "real", "abcdefghijkl")
    same = run("images", "--a", real, "--b", real, "--dual-encoder", clip, "--json")
    name = next(key for key in same if key.startswith("frechet_distance.")).partition(".")[2]
    assert same[f"frechet_distance.{name}"] == pytest.approx(0, abs=1e-6)
    assert same[f"clip_i_full.{name}"] == pytest.approx(100, abs=1e-4)
    assert (same["n_real"], same["n_generated"], same["n_paired"]) == (12, 12, 12)
    (few,) = same["notes"]
    assert few.startswith("12 images: intervals are too narrow")
    other = write_images(tmp_path / "other", "abxy", 1, 100)
    result = run("images", "--a", real, "--b", other, "--dual-encoder", clip, "--json")
    # the value of `score frechet` by the same features
    alone = run("frechet", "--a", real, "--b", other, "--features", clip, "--json")
    for ending in ("", ".ci_low", ".ci_high"):
        assert result[f"kid.{name}{ending}"] == alone[f"kid{ending}"]
        distance = f"frechet_distance.{name}{ending}"
        assert result[distance] == alone[f"frechet_distance{ending}"]
    assert result[f"clip_i_full.{name}"] < 99.999
    assert (result["n_paired"], result["other_images"]) == (2, ["x", "y"])
    assert (result["n_other_images"], result["n_missing_images"]) == (2, 10)
    note, *_, pairs = result["notes"]
    assert note.startswith(f"frechet_distance.{name}: 4 images, 8 dimensions: ")
    assert pairs.startswith("clip_i_full: 2 images: intervals are too narrow")


def test_one_pair_among_many_images_has_no_interval(tmp_path):
    clip = write_clip(tmp_path / "clip")
    real = write_images(tmp_path / "real", "abcdefghijklmnopqrstu")
    made = write_images(tmp_path / "made", "a0123456789ABCDEFGHIJ")
    result = run("images", "--a", real, "--b", made, "--dual-encoder", clip, "--json")
    assert result["n_paired"] == 1
    assert not any(key.startswith("clip_i_full.") and ".ci_" in key for key in result)
    assert any(note.startswith("clip_i_full: 1 image(s): no interval") for note in result["notes"])


def test_a_broken_image_is_quarantined_named_and_counted(tmp_path, capsys):
    real = write_images(tmp_path / "real", "abc")
    made = write_images(tmp_path / "made", "abc", 1)
    whole = (made / "b.png").read_bytes()
    (made / "b.png").write_bytes(whole[: len(whole) // 2])
    (made / "notes.txt").write_text("")
    result = run("images", "--a", real, "--b", made, "--json")
    assert result["n_quarantined"] == 1
    assert "b.png" in result["quarantined"][0]
    assert result["skipped"] == [str(made / "notes.txt")]
    assert (result["n_real"], result["n_generated"], result["n_paired"]) == (3, 2, 2)
    assert result["frechet_distance.pixels-8"] > 0
    assert result["notes"][0].startswith("frechet_distance.pixels-8: 2 images, 192 dimensions: ")
    for name in "ac":
        (made / f"{name}.png").write_bytes(b"")
    with pytest.raises(DataError, match="no image that reads"):
        run("images", "--a", real, "--b", made)


def test_the_fid_is_named_by_the_weights(tmp_path):
    pytest.importorskip("torch_fidelity")
    real = write_images(tmp_path / "real", "abc")
    weights = write_inception(tmp_path / "weights.pth")
    result = run("images", "--a", real, "--b", real, "--inception", weights, "--json")
    named = [name for name in result if name.startswith("frechet_distance.inception.")]
    (distance,) = [name for name in named if ".ci_" not in name]
    assert result[distance] == pytest.approx(0, abs=1e-3)
    assert "fid" not in result


def test_images_by_dinov2_and_the_features_kept_for_the_next_time(tmp_path, monkeypatch):
    network, clip = write_dinov2(tmp_path / "dinov2-tiny"), write_clip(tmp_path / "clip")
    real = write_images(tmp_path / "real", "abcdefghijklmnopqrs")
    made = write_images(tmp_path / "made", "abcdefghijklmnopqrstuvw", 1, 120)
    order = ("images", "--a", real, "--b", made, "--dinov2", network, "--dual-encoder", clip)
    kept = ("--feature-cache", tmp_path / "features", "--json")
    seen = []
    for kind in (Dinov2Features, DualEncoder):

        def embed(self, images, *options, plain=kind.embed_images):
            seen.append(len(images))
            return plain(self, images, *options)

        monkeypatch.setattr(kind, "embed_images", embed)
    first = run(*order, *kept)
    assert seen == [19, 19, 23, 23]
    second = run(*order, *kept)
    assert len(seen) == 4
    assert second == first
    third = run(*order, "--json")
    assert sum(seen) == 2 * (2 * (19 + 23))
    for name, value in first.items():
        if isinstance(value, float):
            assert third[name] == pytest.approx(value, rel=1e-4), name
    dino = next(name for name in first if name.startswith("frechet_distance.dinov2-tiny."))
    named = {name.partition(".")[0] for name in first if name.endswith(".ci_low")}
    distances = {"frechet_distance", "frechet_distance_infinity", "kid", "cmmd", "clip_i_full"}
    assert named == distances
    assert first[f"{dino}.ci_low"] < first[dino] < first[f"{dino}.ci_high"]
    clip_name = next(name for name in first if name.startswith("cmmd."))
    assert clip_name.startswith("cmmd.clip.")
    assert first[clip_name] > 0
    assert first["n_paired"] == 19
    # the broken picture is left out; the features of the others are read
    (made / "b.png").write_bytes((made / "b.png").read_bytes()[:60])
    fewer = run(*order, *kept)
    assert sum(seen) == 2 * (2 * (19 + 23))
    assert (fewer["n_quarantined"], fewer["n_generated"], fewer["n_paired"]) == (1, 22, 18)
