"""`unigs codec` from the command line: keys of the output, options, and errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from unigs.cli.codec import codec
from unigs.datasets.shapes.generate import write_shapes
from unigs.errors import UnigsError


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shapes")
    write_shapes(root, train=0, val=4, size=64)
    return root


def run(root: Path, *options: str) -> Result:
    app = typer.Typer()
    app.command()(codec)
    common = ["--dataset", "shapes", "--root", str(root), "--split", "val", "--size", "64"]
    return CliRunner().invoke(app, [*common, "--json", *options])


def report_of(root: Path, *options: str) -> dict:
    result = run(root, *options)
    if isinstance(result.exception, ModuleNotFoundError):
        # Swallowed by the runner; the test is skipped where the environment does without.
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.strip().splitlines()[-1])


def test_output_has_the_agreed_keys(shapes: Path) -> None:
    report = report_of(shapes)
    assert {
        "images",
        "entities",
        "coverage",
        "miou",
        "recall_50",
        "decode_ms_median",
        "encode_ms_median",
        "decoder",
        "palette",
    } <= set(report)
    assert report["images"] == 4
    assert report["decoder"] == "regions"
    assert report["miou"] > 0.9


def test_options_reach_the_codec(shapes: Path) -> None:
    merged = report_of(shapes, "--decoder", "pdm", "--delta", "200")
    split = report_of(shapes, "--decoder", "pdm", "--delta", "5")
    assert merged["predicted"] < split["predicted"]
    one = report_of(shapes, "--max-entities", "1", "--palette", "contrast-5-v1-share")
    assert one["entities"] == 4
    assert one["coverage"] == 1
    assert one["palette"] == "contrast-5-v1-share"
    noisy = report_of(shapes, "--noise", "15", "--blur", "1", "--jpeg", "60", "--limit", "2")
    assert noisy["images"] == 2
    assert noisy["colormap_rmse"] > 5
    true = report_of(shapes, "--decoder", "kmeans", "--clusters", "-1", "--scores")
    assert true["miou"] > report_of(shapes, "--decoder", "kmeans", "--clusters", "2")["miou"]
    assert 0 <= true["ap_e_constant"] <= 1


def test_refined_latents_lose_less(shapes: Path, test_weights: Path) -> None:
    way = ("--autoencoder", str(test_weights / "taesd"), "--limit", "2")
    plain, refined = (report_of(shapes, *way, "--refine-steps", steps) for steps in ("0", "6"))
    assert refined["colormap_rmse"] < 0.8 * plain["colormap_rmse"]
    assert (plain["refine_steps"], refined["refine_steps"]) == (0, 6)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--decoder", "oracle"), "oracle"),
        (("--palette", "rainbow"), "rainbow"),
        (("--latent-noise", "0.1"), "autoencoder"),
        (("--trips", "kept"), "autoencoder"),
        (("--refine-steps", "2"), "autoencoder"),
        (("--decoder", "regions", "--delta", "3"), "delta"),
        (("--explain", "nobody"), "nobody"),
    ],
)
def test_refusals_say_why(shapes: Path, options: tuple[str, ...], reason: str) -> None:
    result = run(shapes, *options)
    assert isinstance(result.exception, UnigsError)
    assert reason in str(result.exception)


def test_explain_writes_a_page_with_its_pictures(shapes: Path, tmp_path: Path) -> None:
    from unigs.datasets import open_dataset

    key = next(iter(open_dataset("shapes", shapes, "val"))).key
    page = Path(report_of(shapes, "--explain", key, "--noise", "5", "--out", str(tmp_path))["page"])
    text = page.read_text(encoding="utf-8")
    assert "Progressive dichotomy" in text
    for name in ("picture3.png", "node0.png"):
        assert name in text
        assert (page.parent / name).stat().st_size > 0
