import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from unigs.cli.score import score
from unigs.errors import DataError


def run(*arguments):
    result = CliRunner().invoke(score, [str(part) for part in arguments], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("flags", "ap"), [((), 0.3195452758576433), (("--class-agnostic",), 0.3248515106600995)]
)
def test_segmentation(test_data, flags, ap):
    folder = test_data / "metrics" / "coco_fake100"
    files = (
        "--gt", folder / "instances_val2014_100.json",
        "--pred", folder / "instances_val2014_fakesegm100_results.json",
    )  # fmt: skip
    result = run("segmentation", *files, *flags, "--json")
    assert result["ap"] == pytest.approx(ap, abs=1e-15)
    assert {"ap_50", "ap_75", "ar_100"} <= set(result)


def test_panoptic(test_data):
    folder = test_data / "metrics" / "panopticapi_sample"
    files = (
        "--gt", folder / "panoptic_examples.json", "--gt-dir", folder / "panoptic_examples",
        "--pred", folder / "pred_roll.json", "--pred-dir", folder / "pred_roll",
    )  # fmt: skip
    result = run("panoptic", *files, "--json")
    assert result["pq"] == pytest.approx(0.6248881517020974, abs=1e-15)
    assert (result["tp"], result["fp"], result["fn"]) == (41, 6, 6)


def test_frechet_needs_no_weights(tmp_path):
    rng = np.random.default_rng(0)
    for name, top in (("a", 256), ("b", 128)):
        (tmp_path / name).mkdir()
        for i in range(5):
            pixels = rng.integers(0, top, (16 + i, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    same = run("frechet", "--a", tmp_path / "a", "--b", tmp_path / "a", "--json")
    assert same["frechet_distance"] == pytest.approx(0, abs=1e-9)
    other = run("frechet", "--a", tmp_path / "a", "--b", tmp_path / "b", "--json")
    assert other["frechet_distance"] > 1
    assert (other["n_a"], other["n_b"], other["features"]) == (5, 5, "pixels-8")


def test_bad_files_are_named(tmp_path):
    truth = tmp_path / "gt.json"
    truth.write_text('{"images": [{"id": 1, "height": 2}], "annotations": [], "categories": []}')
    (tmp_path / "pred.json").write_text("[]")
    with pytest.raises(DataError, match=r"gt\.json: images\[0\]: without width"):
        run("segmentation", "--gt", truth, "--pred", tmp_path / "pred.json", "--json")
    truth.write_text('{"images": [], "annotations": [], "categories": []}')
    with pytest.raises(DataError, match="not a list"):
        run("segmentation", "--gt", truth, "--pred", truth, "--json")
    result = run("segmentation", "--gt", truth, "--pred", tmp_path / "pred.json", "--json")
    assert result["ap"] is None
    with pytest.raises(DataError, match=r"nowhere\.json: does not read"):
        run("segmentation", "--gt", tmp_path / "nowhere.json", "--pred", truth, "--json")
    with pytest.raises(DataError, match="no image"):
        run("frechet", "--a", tmp_path, "--b", tmp_path, "--json")
