"""Choices that depend on the machine: what is timed decides, nothing else."""

import os
import subprocess
import sys
from contextlib import suppress

import pytest
import torch

from unigs.io import machine as module
from unigs.io.machine import autocast, cores, float32_products, machine, processes


@pytest.fixture
def rates(monkeypatch):
    """Pretend that products run at so many FLOP/s in float32 and bfloat16."""

    def pretend(float32, bfloat16):
        table = {torch.float32: float32, torch.bfloat16: bfloat16}
        monkeypatch.setattr(module, "_rate", table.__getitem__)
        module._machine.cache_clear()

    yield pretend
    module._machine.cache_clear()


@pytest.mark.parametrize(
    ("float32", "bfloat16", "low"),
    [(45e9, 3e9, torch.float32), (45e9, 50e9, torch.float32), (90e9, 360e9, torch.bfloat16)],
)
def test_bfloat16_is_taken_where_it_is_faster(rates, float32, bfloat16, low):
    rates(float32, bfloat16)
    assert machine().low_precision == low
    with autocast("auto", torch.device("cpu")):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == low
    assert f"{float32 / 1e9:.0f} GFLOP/s" in str(machine())


def test_a_named_precision_is_taken_as_it_is(rates):
    rates(45e9, 3e9)
    for precision, dtype in [("bf16", torch.bfloat16), ("fp32", torch.float32)]:
        with autocast(precision, torch.device("cpu")):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


@pytest.mark.parametrize(
    ("precision", "told", "convolutions"),
    [("fp32", "highest", False), ("tf32", "high", True), ("auto", "high", True)],
)
def test_products_of_float32_are_exact_on_cuda_where_asked_for(precision, told, convolutions):
    def state():
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32

    before = state()
    with float32_products(precision, torch.device("cpu")):
        assert state() == before
    with suppress(KeyError), float32_products(precision, torch.device("cuda")):
        assert state() == (told, convolutions)
        assert torch.backends.cudnn.enabled
        raise KeyError
    assert state() == before


def test_what_the_kernels_may_not_use_is_not_chosen():
    # oneDNN emulates bfloat16 under AVX2, whatever the processor could do.
    script = "from unigs.io.machine import machine; print(machine().low_precision)"
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    run = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "torch.float32"


def test_cores_are_those_of_the_process():
    assert 1 <= cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("wanted", "places", "count"), [(2, 1, 1), (2, 2, 2), (4, 3, 2), (1, 64, 1), (6, 4, 3)]
)
def test_a_process_has_a_core_of_its_own_and_a_whole_share(monkeypatch, wanted, places, count):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(module, "cores", lambda: places)
    assert processes(wanted) == count


def test_a_process_has_an_accelerator_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert processes(2) == 1
