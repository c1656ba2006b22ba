"""Shapes alone tell what a real pass computes and keeps."""

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor
from torch.utils.flop_counter import FlopCounterMode

from tests.support.models.tiny_stream import CHANNELS, SIDE, TOKENS, WIDTH, tiny_unet
from unigs.config.preset import load_preset
from unigs.workflows.plan.activations import Device
from unigs.workflows.plan.network import measure_network

LATENT, TEXT = (CHANNELS, SIDE, SIDE), (TOKENS, WIDTH)
PLAIN = Device(torch.float32, cuda=False, fused_attention=False)
FUSED = Device(torch.float32, cuda=True, fused_attention=True)
HALF = Device(torch.bfloat16, cuda=True, fused_attention=True)


def training(**changes):
    values = {"optimizer": "adamw", "batch_size": 8, **changes}
    return load_preset("tiny").training.model_copy(update=values)


def measured(device=PLAIN, **changes):
    return measure_network(tiny_unet().to("meta"), training(**changes), LATENT, TEXT, device)


def real_pass(samples):
    """Operations, and bytes of activations that autograd keeps, of a real forward pass."""
    unet = tiny_unet()
    unet.set_attn_processor(AttnProcessor())
    mine = {p.untyped_storage().data_ptr() for p in unet.parameters()}
    kept = {}

    def note(value):
        storage = value.untyped_storage()
        if storage.data_ptr() not in mine:
            kept[storage.data_ptr()] = storage
        return value

    inputs = torch.zeros(samples, 3 * CHANNELS + 1, SIDE, SIDE)
    tasks = torch.zeros(samples, dtype=torch.int64)
    with (
        FlopCounterMode(display=False) as counter,
        torch.autograd.graph.saved_tensors_hooks(note, lambda value: value),
    ):
        unet(inputs, torch.zeros(samples), torch.zeros(samples, *TEXT), class_labels=tasks)
    return counter.get_total_flops(), sum(storage.nbytes() for storage in kept.values())


def test_operations_and_activations_are_those_of_a_real_pass():
    network = measured()
    assert network.parameters == sum(p.numel() for p in tiny_unet().parameters())
    operations, kept = real_pass(1)
    assert network.forward == operations
    assert sum(entry.activation for entry in network.one) == pytest.approx(kept, rel=0.02)
    _, kept = real_pass(2)
    assert sum(entry.activation for entry in network.two) == pytest.approx(kept, rel=0.02)
    assert 2 * network.forward < network.sample < 3.1 * network.forward


def test_each_sample_adds_the_same_and_gradients_are_not_counted_twice():
    network = measured()
    sizes = [network.pass_bytes(samples, gradients=False) for samples in (2, 3, 4)]
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0] > 0
    learned = 4 * network.trainable
    added = network.pass_bytes(4, gradients=True) - sizes[2]
    assert 0 <= added <= learned


def test_what_saves_memory_saves_it():
    plain = measured(FUSED).pass_bytes(8, gradients=False)
    assert measured(FUSED, gradient_checkpointing=True).pass_bytes(8, False) < plain
    assert measured(HALF).pass_bytes(8, False) < plain < measured(PLAIN).pass_bytes(8, False)
    muon = measured(optimizer="muon")
    assert 0 < muon.alike <= muon.matrices < muon.trainable
