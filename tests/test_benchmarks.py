"""Each benchmark of learning runs with a budget of seconds and prints its metrics."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from tests.e2e.command import environment, write_preset
from unigs.colormap.restorer.restore import load_restorer, restore
from unigs.config.preset import load_preset
from unigs.pipeline import UniGSPipeline

EMA, STATE = "ema.safetensors", "state.json"
FOLDER = Path(__file__).parents[1] / "benchmarks"
# Steps of four tasks in which one of them sees what two steps of it alone show.
JOINT = round(2 / load_preset("tiny").training.ratios["referring"])


def run(name, *arguments):
    done = subprocess.run(
        [sys.executable, str(FOLDER / name), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**environment(), "PYTHONPATH": str(FOLDER.parent)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_looks_of_the_sensor_are_timed() -> None:
    told = run("arrival.py", "--files", 1500)
    assert "nothing changed: " in told
    assert re.search(r"standing still: 0\.\d\d% of a core, a look every 60 s", told), told
    assert re.search(r"the same, which stayed: .*\(a run is asked for\)", told), told


@pytest.mark.slow
def test_looks_of_the_sensor_at_a_bucket_are_timed() -> None:
    pytest.importorskip("s3fs")
    told = run("arrival.py", "--files", 1500, "--s3")
    assert re.search(r"nothing changed: .*\(1502 files, none changed", told), told
    assert re.search(r"the same, which stayed: .*\(a run is asked for\)", told), told


@pytest.mark.slow
def test_standing_still_is_told_process_by_process(tmp_path: Path) -> None:
    told = run("idle.py", "--store", tmp_path / "store", "--settle", 1, "--seconds", 3)
    shares = {name: float(share) for share, name in re.findall(r"(\S+)% of a core  (.+)", told)}
    parts = ["daemon", "code location, proxy", "code location", "start of Dagster"]
    total = shares["daemon and code locations"]
    assert total == pytest.approx(sum(shares[part] for part in parts), abs=0.03)
    assert total > 0
    assert "other" not in shares


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("few_steps.py", ["| entity | 50 |", "| referring | 1 |", "of the best and are"]),
        ("palette_choice.py", ["-5-v1: miou", "random-5-v1: miou", "difference of miou"]),
        (
            "single_or_joint.py",
            ["single: 2 steps, 8 ref", f"joint: {JOINT} steps, 8 ref", "joint minus"],
        ),
        (
            "learning_choices.py",
            ["| all | entity |", "| adamw | referring |", "| noise | entity |"],
        ),
        ("negatives.py", ["only absent classes: ", "classes that are there: "]),
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
def test_step_times_are_ratios_with_an_interval():
    told = run("step_time.py", "--architecture", "tiny", "--pairs", 6, "--side", 8)
    for part in ("inference: UniGS", "training step: UniGS", "peak memory, training step"):
        assert part in told
    assert "over 6 pairs" in told


@pytest.mark.slow
def test_what_latents_on_disk_are_worth_and_how_fast_they_are_read():
    told = run("latent_training.py", "--operations")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in told.splitlines()[2:]]
    ratios = {(name, pixels): float(ratio) for name, pixels, *_, ratio in rows}
    # The goal, where both sides reach the same share of a device's peak.
    assert ratios["`sd15`", "512"] >= 2
    assert ratios["`photo`", "128"] > ratios["`photo-large`", "256"] > 2
    told = run("loader.py", "--full", "--rounds", 1)
    rates = [int(rate) for rate in re.findall(r"one core, (\d+) samples/s", told)]
    assert len(rates) == 2
    assert min(rates) > 0


def test_the_memory_of_a_command_and_its_exit_code():
    told = run("run_memory.py", sys.executable, "-c", "import time; time.sleep(1)")
    assert "exit code 0" in told
    assert re.search(r"[.\d]+ GB  \S+ -c import time; time.sleep\(1\)", told)


@pytest.mark.slow
def test_checkpoints_are_copied_while_training_runs_and_evaluated_afterwards(tmp_path):
    preset = write_preset(tmp_path / "few.yaml")
    run(
        "single_or_joint.py", "--preset", preset, "--steps", 2, "--train-scenes", 24,
        "--val-scenes", 6, "--work", tmp_path / "work",
    )  # fmt: skip
    model = tmp_path / "work" / "runs" / f"joint-{JOINT}-0" / "model"
    shards = next((tmp_path / "work" / "shards").glob("val-*"))
    checkpoint = tmp_path / "checkpoints" / "step-00000007"
    checkpoint.mkdir(parents=True)
    weights = UniGSPipeline.from_pretrained(model).unet.parameters()
    save_file({str(i): value.data for i, value in enumerate(weights)}, checkpoint / EMA)
    (checkpoint / STATE).write_text('{"step": 7}')
    script = [sys.executable, str(FOLDER / "scaling.py")]
    places = ["--work", str(tmp_path / "kept")]
    watching = subprocess.Popen(
        [*script, "watch", "--checkpoints", str(checkpoint.parent), *places],
        stdout=subprocess.PIPE, text=True,
        # A shell's job in the background ignores the signal, and its children with it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert watching.stdout is not None
    assert watching.stdout.readline() == "step-00000007\n"
    watching.send_signal(signal.SIGINT)
    assert watching.wait(60) == 0
    told = run(
        "scaling.py",
        "evaluate",
        "--model",
        model,
        "--shards",
        shards,
        "--tasks",
        "referring",
        *places,
    )
    seven, end = (line for line in told.splitlines() if line.startswith(("| 7 |", "| end |")))
    # The same weights.
    assert seven.removeprefix("| 7 |") == end.removeprefix("| end |")


@pytest.mark.slow
def test_decoders_are_evaluated_through_autoencoders_they_do_not_know(test_data):
    told = run("unseen_autoencoder.py", "--root", test_data / "coco", "--size", 128, "--limit", 2)
    rows = [line for line in told.splitlines() if "`" in line]
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    assert [row[2] for row in cells] == ["`regions`", "`best`", "`pdm`"] * 4
    plain, refined = ([row[3:] for row in cells if row[1] == steps] for steps in "08")
    assert plain != refined


@pytest.mark.slow
def test_a_restorer_is_trained_and_written(tmp_path, test_weights):
    out = tmp_path / "restorer.safetensors"
    run(
        "train_restorer.py", "--autoencoder", test_weights / "taesd", "--work", tmp_path / "work",
        "--examples", 2, "--steps", 2, "--out", out,
    )  # fmt: skip
    clean = np.full((16, 16, 3), 64, np.uint8)
    assert np.abs(restore(clean, load_restorer(out)).astype(int) - clean).max() < 64


@pytest.mark.slow
def test_refined_latents_are_learned_and_evaluated_with_their_upper_bound(tmp_path, test_weights):
    preset = write_preset(tmp_path / "few.yaml")
    told = run(
        "refined_latents.py", "--autoencoder", test_weights / "taesd", "--preset", preset,
        "--refine-steps", 0, 2, "--size", 64, "--steps", 2, "--train-scenes", 8,
        "--val-scenes", 4, "--work", tmp_path / "work",
    )  # fmt: skip
    rows = [[float(cell) for cell in line.split("|")[1:-1]] for line in told.splitlines()[2:]]
    (none, *plain), (two, *refined) = rows
    assert (none, two) == (0, 2)
    assert len(plain) == len(refined) == 4
    assert refined[2] > plain[2]
