"""The codec's tables: the same page again, without measuring finished rows twice."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from unigs.datasets.shapes.generate import write_shapes
from unigs.models.patch_autoencoder import PatchAutoencoder

MODULE = "benchmarks.codec.tables"


@pytest.mark.slow
def test_a_page_is_written_and_written_again_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shapes(tmp_path / "shapes", train=0, val=2, size=32)
    PatchAutoencoder(patch_size=8, latent_channels=12).save_pretrained(tmp_path / "vae")

    def run(kept: str, out: str) -> bytes:
        asked = {
            "--dataset": "shapes",
            "--root": tmp_path / "shapes",
            "--size": 32,
            "--autoencoder": tmp_path / "vae",
            "--first": 1,
            "--refined": 2,
            "--work": tmp_path / kept,
            "--out": tmp_path / out,
        }
        words = [str(word) for pair in asked.items() for word in pair]
        monkeypatch.setattr(sys, "argv", [MODULE, *words])
        runpy.run_module(MODULE, run_name="__main__")
        return (tmp_path / out).read_bytes()

    page = run("one", "page.md")
    rows = {path: path.stat().st_mtime_ns for path in (tmp_path / "one" / "rows").iterdir()}
    headings = (
        "Table 7",
        "Table 8",
        "Table 9",
        "JPEG quality",
        "Noise on the latents",
        "refined in 2",
    )
    for heading in headings:
        assert heading.encode() in page
    assert run("two", "again.md") == page
    assert run("one", "resumed.md") == page
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "one" / "rows").iterdir()} == rows
