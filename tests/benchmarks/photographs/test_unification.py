"""The benchmark of the unification: its trainings go on, its tables are paired by seed."""

import json
import sys

import pytest

from tests.support.runs.photo_run import small_preset, write_run


@pytest.fixture(scope="module")
def latent_run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("whole"))


def test_the_unification_goes_on_with_the_next_training(latent_run, tmp_path, monkeypatch, capsys):
    from benchmarks.photographs import unification
    from benchmarks.photographs.parts import shortened

    for module in (unification, shortened):
        monkeypatch.setattr(module, "load_preset", lambda name, changes: small_preset(**changes))
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
    for module in (unification, shortened):
        monkeypatch.setattr(module, "load_preset", lambda name, changes: small_preset(**changes))
    monkeypatch.setattr(sys, "argv", [*command, "--seeds", "0"])
    unification.main()
    first = capsys.readouterr().out
    files = sorted(f.name for f in tmp_path.glob("*.json"))
    assert files == [
        "inpainting-0.json", "inpainting-image-alone-0.json", "joint-0.json",
        "joint-random-colours-0.json",
    ]  # fmt: skip
    assert "| the colormap half helps | inpainting | `miou` |" not in first
    assert "| inpainting | inpainting | `miou` |" in first
    assert "| inpainting, image alone | inpainting | `miou` |" not in first
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
    from benchmarks.photographs.unification import VARIANTS, tables

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
    from benchmarks.photographs import unification

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
