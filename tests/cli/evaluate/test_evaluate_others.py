"""`unigs evaluate --pipeline`: other models on the samples of a folder of shards."""

import json
import sys

import pytest

from tests.support.data.tiny_shards import write_shards
from tests.support.models.checkpoints import write_checkpoint
from tests.support.models.vision_models import write_clip
from unigs.cli import main
from unigs.evaluation.metric_values import MetricValues
from unigs.io import machine


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("others")
    write_shards(folder, ["synthesis", "entity"], 4, 32, "smooth-2-v1")
    write_checkpoint(folder / "sd", "sd15-text", ["circle"])
    write_clip(folder / "clip", ["circle"])
    return folder


@pytest.fixture
def evaluate(place, monkeypatch, capsys):
    def run(task, *options):
        order = ("--task", task, "--shards", place / task, *options)
        monkeypatch.setattr(sys, "argv", ["unigs", "evaluate", *map(str, order)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        if ended.value.code:
            assert not captured.out
            return captured.err.splitlines()[-1]
        return json.loads(captured.out.splitlines()[-1])

    return run


def test_images_of_stable_diffusion_get_our_metrics_and_no_mask_metrics(place, evaluate, tmp_path):
    files = ("--checkpoint", place / "sd", "--dual-encoder", place / "clip", "--out", tmp_path)
    few = ("--steps", 2, "--limit", 3, "--batch-size", 2, "--json")
    metrics = evaluate("synthesis", "--pipeline", "sd", *files, *few)
    assert metrics["n"] == 3
    ours = [name for name in metrics if "ceiling" not in name and "baseline" not in name]
    assert {name.partition(".")[0] for name in ours} == {
        "frechet_distance",
        "frechet_distance_infinity",
        "kid",
        "frechet_n",
        "cmmd",
        "clip_i_region",
        "clip_t_region",
        "clip_t_full",
        "n",
    }
    # three images of eight dimensions
    empty = [name for name in ours if metrics[name] is None]
    assert [name.partition(".")[0] for name in empty] == ["frechet_distance_infinity"]
    told = {v.metric: v.note for v in MetricValues.read(tmp_path) if v.note}
    assert set(told) == {"frechet_distance"}
    assert told["frechet_distance"].startswith("3 images, 8 dimensions")
    assert any(name.endswith("flat_colour_baseline") for name in metrics)
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    assert len(list((tmp_path / "images").iterdir())) == 3


@pytest.mark.slow
def test_two_processes_give_the_values_of_one(place, evaluate, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "cores", lambda: 2)
    stranger = tmp_path / "results.json"
    dot = {"size": [1, 1], "counts": [0, 1]}
    stranger.write_text(json.dumps([{"image_id": "x", "segmentation": dot, "score": 1}]))
    order = ("--pipeline", "coco-results", "--predictions", stranger, "--batch-size", 1, "--json")
    alone = evaluate("entity", *order, "--out", tmp_path / "one")
    together = evaluate("entity", *order, "--processes", 2, "--out", tmp_path / "two")
    assert together == alone
    assert (alone["miou"], alone["n_missing_images"], alone["n_other_images"]) == (0, 4, 1)
    files = [json.loads((tmp_path / n / "metrics.json").read_text()) for n in ("one", "two")]
    assert files == [alone, alone]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--pipeline", "sd"), "--pipeline sd cannot do entity (it can do synthesis)"),
        (("--pipeline", "sam"), "--pipeline sam needs --checkpoint"),
        (("--predictions", "p.json"), "are of other models (name --pipeline)"),
        ((), "nothing to evaluate (give --model)"),
        (("--pipeline", "panoptic", "--predictions", "p.json"), "p.json: does not read"),
        (("--pipeline", "sam", "--checkpoint", "nowhere"), "nowhere: no such directory"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(evaluate, options, said):
    assert said in evaluate("entity", *options)
