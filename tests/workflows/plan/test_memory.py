"""The planned memory of a training is what torch's allocator then counts."""

from functools import cache

import pytest
import torch

from tests.support.models.tiny_unet import tiny_architecture
from tests.support.models.training_memory import EVERY, STEPS, most_bytes
from unigs.config.preset import load_preset
from unigs.io.machine import machine
from unigs.models.unet import build_unet
from unigs.workflows.plan.activations import Device
from unigs.workflows.plan.memory import CONTEXT_BYTES, PROCESS_BYTES, process_memory
from unigs.workflows.plan.network import measure_network

LATENT, TEXT = (4, 16, 16), (8, 16)
ARCHITECTURE = tiny_architecture(width=(64, 128), text=16, head=16, groups=8)


def training(**changes):
    values = {"optimizer": "adamw", "batch_size": 8, "steps": STEPS, "checkpoint_every": EVERY}
    return load_preset("tiny").training.model_copy(update={**values, **changes})


@cache
def measured(optimizer, checkpointing):
    options = training(optimizer=optimizer, gradient_checkpointing=checkpointing)
    here = machine()
    device = Device(here.low_precision, cuda=False, fused_attention=here.fused_attention)
    with torch.device("meta"):
        unet = build_unet(ARCHITECTURE, LATENT[0])
    return measure_network(unet, options, LATENT, TEXT, device)


def planned(options, processes=1, steps=STEPS, accelerator=False):
    network = measured(options.optimizer, options.gradient_checkpointing)
    low = machine().low_precision.itemsize
    return process_memory(network, options, processes, steps, 0, low, accelerator)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "muon"},
        pytest.param({"batch_size": 64}, marks=pytest.mark.slow),
        pytest.param({"batch_size": 64, "gradient_checkpointing": True}, marks=pytest.mark.slow),
        pytest.param({"batch_size": 64, "accumulation": 2}, marks=pytest.mark.slow),
    ],
)
def test_it_is_within_ten_percent_of_the_peak_of_a_training(changes):
    options = training(**changes)
    diffusion = load_preset("tiny").diffusion
    used = most_bytes(ARCHITECTURE, options, diffusion, LATENT, TEXT)
    assert planned(options).peak == pytest.approx(used, rel=0.1)


def test_by_what_a_process_holds():
    alone = planned(training(), accelerator=True)
    learned = alone.weights
    assert (alone.moments, alone.averages, alone.exchange) == (2 * learned, learned, 0)
    assert alone.peak >= 5 * learned
    two = planned(training(), 2, accelerator=True)
    assert (two.exchange, two.samples) == (learned, 4)
    spread = planned(training(parallel="fsdp"), 2, accelerator=True)
    assert spread.weights == learned // 2
    assert spread.peak < two.peak
    parts = planned(training(accumulation=4), accelerator=True)
    assert parts.samples == 2
    assert parts.activations < alone.activations


def test_a_checkpoint_is_copied_to_the_memory_of_the_machine():
    options = training(batch_size=64)
    device, machine_ = planned(options, accelerator=True), planned(options)
    assert device.copy == machine_.copy == 4 * device.weights
    assert machine_.peak == device.peak + device.copy
    # the only checkpoint is the last, when activations are gone
    last = planned(training(batch_size=16), steps=EVERY)
    assert last.peak < planned(training(batch_size=16)).peak
    assert planned(training(parallel="fsdp"), 2).copy == device.copy
    assert (device.beside, machine_.beside) == (CONTEXT_BYTES, PROCESS_BYTES)
    assert device.bytes == device.peak + CONTEXT_BYTES
