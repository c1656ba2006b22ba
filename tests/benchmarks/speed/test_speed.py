"""Speeds are printed as ratios, with what they are worth."""

import re

import pytest

from tests.benchmarks.commands import run


@pytest.mark.slow
def test_step_times_are_ratios_with_an_interval():
    told = run("speed.step_time", "--architecture", "tiny", "--pairs", 6, "--side", 8)
    for part in ("inference: UniGS", "training step: UniGS", "peak memory, training step"):
        assert part in told
    assert "over 6 pairs" in told


@pytest.mark.slow
def test_what_latents_on_disk_are_worth_and_how_fast_they_are_read():
    told = run("speed.latent_training", "--operations")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in told.splitlines()[2:]]
    ratios = {(name, pixels): float(ratio) for name, pixels, *_, ratio in rows}
    # The goal, where both sides reach the same share of a device's peak.
    assert ratios["`sd15`", "512"] >= 2
    assert ratios["`photo`", "128"] > ratios["`photo-large`", "256"] > 2
    told = run("speed.loader", "--full", "--rounds", 1)
    rates = [int(rate) for rate in re.findall(r"one core, (\d+) samples/s", told)]
    assert len(rates) == 2
    assert min(rates) > 0
