"""A preset of seconds, and the command as users call it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

UNIGS = Path(sys.executable).with_name("unigs")
TASKS = ("inpainting", "synthesis", "referring", "entity")


def write_preset(file: Path, training: Mapping[str, Any] | None = None, **data: Any) -> Path:
    """The tiny preset with few scenes and steps, so that it stays valid when tiny changes."""
    values = yaml.safe_load(resources.files("unigs.presets").joinpath("tiny.yaml").read_text())
    values["data"] |= {"train_scenes": 24, "val_scenes": 6, "samples_per_shard": 8, **data}
    values["autoencoder"]["fit_images"] = 24
    # So that every stage that encodes colormaps is seen to refine them.
    values["codec"]["refine_steps"] = 1
    # Checkpoints come every other step: they must be small.
    values["unet"]["architecture"]["block_out_channels"] = [32, 32, 32]
    values["training"] |= {
        "steps": 8,
        "batch_size": 4,
        "warmup_steps": 2,
        "validate_every": 4,
        "checkpoint_every": 2,
        "processes": 2,
        **(training or {}),
    }
    values["inference"]["steps"] = dict.fromkeys(TASKS, 1)
    values["evaluation"] |= {"scenes": 6, "evaluator_passes": 1}
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    return file


def environment() -> dict[str, str]:
    """One thread, so that a loaded machine does not stall."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def unigs(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run ``unigs`` with its output captured."""
    done = subprocess.run(
        [str(UNIGS), *map(str, arguments)], capture_output=True, text=True, env=environment()
    )
    if check and done.returncode != 0:
        pytest.fail(f"unigs {arguments[0]} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done


def result_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON object on the last line of stdout."""
    return json.loads(done.stdout.splitlines()[-1])
