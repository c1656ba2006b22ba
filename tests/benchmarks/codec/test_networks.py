"""Autoencoders that no decoder knows, and the restorer's training, in miniature."""

import numpy as np
import pytest

from tests.benchmarks.commands import run
from unigs.colormap.restorer.restore import load_restorer, restore


@pytest.mark.slow
def test_decoders_are_evaluated_through_autoencoders_they_do_not_know(test_data):
    told = run(
        "codec.unseen_autoencoder", "--root", test_data / "coco", "--size", 128, "--limit", 2
    )
    rows = [line for line in told.splitlines() if "`" in line]
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    assert [row[2] for row in cells] == ["`regions`", "`best`", "`pdm`"] * 4
    plain, refined = ([row[3:] for row in cells if row[1] == steps] for steps in "08")
    assert plain != refined


@pytest.mark.slow
def test_a_restorer_is_trained_and_written(tmp_path, test_weights):
    out = tmp_path / "restorer.safetensors"
    run(
        "codec.train_restorer", "--autoencoder", test_weights / "taesd",
        "--work", tmp_path / "work", "--examples", 2, "--steps", 2, "--out", out,
    )  # fmt: skip
    clean = np.full((16, 16, 3), 64, np.uint8)
    assert np.abs(restore(clean, load_restorer(out)).astype(int) - clean).max() < 64
