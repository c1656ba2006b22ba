"""The benchmark of what limits segmentation changes what it names and keeps its trainings."""

import json
import sys
from collections import Counter

import pytest

from benchmarks.photographs.parts.run_folder import RunFolder
from tests.support.runs.photo_run import small_preset, write_run
from unigs.shards.read import read_samples


@pytest.fixture(scope="module")
def latent_run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("whole"))


def test_half_of_the_photographs_give_as_many_samples(latent_run, tmp_path):
    preset = small_preset(**{"data.variants": 2})
    samples = RunFolder(latent_run).rebuilt(preset, ["entity"], tmp_path, every=2)
    whole = {sample.scene for sample in read_samples(latent_run / "shards" / "train" / "entity")}
    built = Counter(sample.scene for sample in read_samples(tmp_path / "shards/train/entity"))
    assert built == dict.fromkeys(sorted(whole)[::2], 2)
    held_out = {sample.scene for sample in read_samples(samples.held_out["entity"])}
    assert held_out == {s.scene for s in read_samples(latent_run / "shards" / "val" / "entity")}


def test_each_limit_changes_what_it_names():
    from benchmarks.photographs.limits import LIMITS, limited

    def differing(name):
        preset = limited("photo", {"autoencoder.source": None}, LIMITS[name], 1, 0.25)
        own, usual = preset.model_dump(), plain.model_dump()
        return {part for part in own if own[part] != usual[part]} - {"overrides"}, preset

    plain = limited("photo", {"autoencoder.source": None}, LIMITS["as it is"], 1, 0.25)
    assert (plain.training.steps, plain.training.seed) == (500, 1)
    assert differing("as it is")[0] == set()
    longer = differing("twice the steps")
    assert longer[0] == {"training"}
    assert longer[1].training.steps == 1000
    assert differing("twice the steps on four times the crops")[0] == {"training", "data"}
    for name in ("half of the photographs", "four times the crops"):
        assert differing(name)[0] == {"data"}
    for name in ("half the operations", "twice the operations"):
        assert differing(name)[0] == {"unet"}


def test_the_limits_are_trained_kept_and_not_trained_again(
    latent_run, tmp_path, monkeypatch, capsys
):
    from benchmarks.photographs import limits as photo_limits
    from benchmarks.photographs.parts import shortened

    monkeypatch.setattr(shortened, "load_preset", lambda name, changes: small_preset(**changes))
    command = [
        "limits", "--run", str(latent_run), "--work", str(tmp_path), "--share", "0.5",
        "--limits", "as it is", "half of the photographs", "twice the steps",
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", command)
    photo_limits.main()
    told = capsys.readouterr().out.splitlines()
    assert len(told[-5:]) == 5
    assert told[-5].startswith("| entity alone | `miou` |")
    kept = json.loads((tmp_path / "entity-twice-the-steps-0.json").read_text())
    assert (kept["limit"], kept["steps"]) == ("twice the steps", 4)
    assert kept["sample_flop"] > 0
    monkeypatch.setattr(photo_limits, "measured", None)
    photo_limits.main()
    assert capsys.readouterr().out.splitlines() == told[-5:]
