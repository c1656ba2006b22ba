"""`unigs train` in processes that torchrun started."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from tests.e2e.command import environment, write_preset
from tests.support.data.tiny_shards import write_shards
from tests.support.servers.ports import free_port


def train(folder, out, *launcher):
    command = [sys.executable, "-m", *launcher, "unigs", "train", "--task", "entity", "--json"]
    command += ["--shards", folder, "--out", out, "--preset", folder / "few.yaml", "--steps", "2"]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_two_processes_of_torchrun_train_what_one_trains(tmp_path):
    write_shards(tmp_path, ["entity"])
    # Without torchrun one process, however many cores there are.
    write_preset(tmp_path / "few.yaml", {"processes": 1}, size=64)
    port = str(free_port())
    torchrun = ("torch.distributed.run", "--master-port", port, "--nproc-per-node", "2", "-m")
    (one,) = train(tmp_path, tmp_path / "one")
    # The first process alone prints and saves.
    (two,) = train(tmp_path, tmp_path / "two", *torchrun)
    assert one["steps"] == two["steps"] == 2
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-3)
    alone, together = (
        load_file(f"{done['model']}/unet/diffusion_pytorch_model.safetensors")
        for done in (one, two)
    )
    apart = torch.cat([(together[name] - value).flatten() for name, value in alone.items()])
    whole = torch.cat([value.flatten() for value in alone.values()])
    assert apart.norm() < 1e-3 * whole.norm()
