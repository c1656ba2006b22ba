"""Each benchmark of learning runs with a budget of seconds and prints its metrics."""

import signal
import subprocess

import pytest
from safetensors.torch import save_file

from tests.benchmarks.commands import ROOT, command, run
from tests.e2e.command import write_preset
from unigs.config.preset import load_preset
from unigs.pipeline import UniGSPipeline

EMA, STATE = "ema.safetensors", "state.json"
# Steps of four tasks in which one of them sees what two steps of it alone show.
JOINT = round(2 / load_preset("tiny").training.ratios["referring"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("choices.few_steps", ["| entity | 50 |", "| referring | 1 |", "of the best and are"]),
        ("choices.palette", ["-5-v1: miou", "random-5-v1: miou", "difference of miou"]),
        (
            "choices.single_or_joint",
            ["single: 2 steps, 8 ref", f"joint: {JOINT} steps, 8 ref", "joint minus"],
        ),
        (
            "choices.learning",
            ["| all | entity |", "| adamw | referring |", "| noise | entity |"],
        ),
        ("choices.negatives", ["only absent classes: ", "classes that are there: "]),
    ],
)
def test_it_trains_and_evaluates(tmp_path, name, said):
    preset = write_preset(tmp_path / "few.yaml")
    told = run(
        name, "--preset", preset, "--steps", 2, "--train-scenes", 24, "--val-scenes", 6,
        "--work", tmp_path / "work",
    )  # fmt: skip
    for part in said:
        assert part in told


@pytest.mark.slow
def test_checkpoints_are_copied_while_training_runs_and_evaluated_afterwards(tmp_path):
    preset = write_preset(tmp_path / "few.yaml")
    run(
        "choices.single_or_joint", "--preset", preset, "--steps", 2, "--train-scenes", 24,
        "--val-scenes", 6, "--work", tmp_path / "work",
    )  # fmt: skip
    model = tmp_path / "work" / "runs" / f"joint-{JOINT}-0" / "model"
    shards = next((tmp_path / "work" / "shards").glob("val-*"))
    checkpoint = tmp_path / "checkpoints" / "step-00000007"
    checkpoint.mkdir(parents=True)
    weights = UniGSPipeline.from_pretrained(model).unet.parameters()
    save_file({str(i): value.data for i, value in enumerate(weights)}, checkpoint / EMA)
    (checkpoint / STATE).write_text('{"step": 7}')
    places = ["--work", str(tmp_path / "kept")]
    watching = subprocess.Popen(
        [*command("choices.scaling"), "watch", "--checkpoints", str(checkpoint.parent), *places],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
        # A shell's job in the background ignores the signal, and its children with it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert watching.stdout is not None
    assert watching.stdout.readline() == "step-00000007\n"
    watching.send_signal(signal.SIGINT)
    assert watching.wait(60) == 0
    told = run(
        "choices.scaling", "evaluate", "--model", model, "--shards", shards,
        "--tasks", "referring", *places,
    )  # fmt: skip
    seven, end = (line for line in told.splitlines() if line.startswith(("| 7 |", "| end |")))
    # The same weights.
    assert seven.removeprefix("| 7 |") == end.removeprefix("| end |")


@pytest.mark.slow
def test_refined_latents_are_learned_and_evaluated_with_their_upper_bound(tmp_path, test_weights):
    preset = write_preset(tmp_path / "few.yaml")
    told = run(
        "choices.refined_latents", "--autoencoder", test_weights / "taesd", "--preset", preset,
        "--refine-steps", 0, 2, "--size", 64, "--steps", 2, "--train-scenes", 8,
        "--val-scenes", 4, "--work", tmp_path / "work",
    )  # fmt: skip
    rows = [[float(cell) for cell in line.split("|")[1:-1]] for line in told.splitlines()[2:]]
    (none, *plain), (two, *refined) = rows
    assert (none, two) == (0, 2)
    assert len(plain) == len(refined) == 4
    assert refined[2] > plain[2]
