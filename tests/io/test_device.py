"""The device of a process, batches that fit it, and what happens when one does not."""

import logging

import pytest
import torch

from unigs.errors import ConfigError, DeviceError, ModelError
from unigs.io import device as module
from unigs.io.device import failures_named, fitting, in_batches, this_device


@pytest.fixture
def accelerators(monkeypatch):
    """Pretend that torch sees so many CUDA devices."""

    def pretend(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    monkeypatch.delenv("LOCAL_RANK", raising=False)
    return pretend


def test_the_accelerator_where_there_is_one(accelerators, monkeypatch):
    accelerators(0)
    assert this_device() == torch.device("cpu")
    accelerators(2)
    assert this_device() == this_device("cuda") == torch.device("cuda", 0)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert this_device() == this_device("cuda") == torch.device("cuda", 1)
    assert this_device("cuda:0") == torch.device("cuda", 0)
    assert this_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    ("count", "wanted", "message"),
    [
        (0, "cuda", "device 'cuda': no CUDA here (give --device cpu, or install"),
        (0, "cuda:1", "device 'cuda:1': no CUDA here"),
        (2, "cuda:2", "device 'cuda:2': this machine shows 2 (give one of cuda:0 to cuda:1)"),
        (0, "gpu", "device 'gpu': unknown (give cpu, cuda or cuda:1)"),
        (0, "xpu", "device 'xpu': "),
    ],
)
def test_a_device_that_is_not_there_is_one_line(accelerators, count, wanted, message):
    accelerators(count)
    with pytest.raises(ConfigError) as raised:
        this_device(wanted)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_as_many_as_fit_half_of_what_is_free(monkeypatch):
    monkeypatch.setattr(module, "free_memory", lambda device: 1000)
    assert fitting(100, torch.device("cuda", 0)) == 5
    assert fitting(5000, torch.device("cuda", 0)) == 1
    cpu = torch.device("cpu")
    assert fitting(module.CPU_ACTIVATIONS // 3, cpu) == 3
    assert fitting(10 * module.CPU_ACTIVATIONS, cpu) == 1


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ..."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        MemoryError(),
    ],
)
def test_out_of_memory_halves_and_goes_on(error, caplog):
    sizes = []

    def compute(batch):
        sizes.append(len(batch))
        if len(batch) > 3:
            raise error
        return [2 * value for value in batch]

    with caplog.at_level(logging.WARNING):
        done = in_batches(list(range(10)), 8, compute, "pictures")
    assert [value for part in done for value in part] == [2 * value for value in range(10)]
    assert sizes == [8, 4, 2, 2, 2, 2, 2]
    assert caplog.messages == [
        "out of memory with 8 pictures at a time: going on with 4",
        "out of memory with 4 pictures at a time: going on with 2",
    ]


def test_one_that_does_not_fit_is_said_and_other_errors_pass():
    def full(batch):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ModelError, match="out of memory with one of 4 pictures"):
        in_batches(range(4), 4, full, "pictures")

    def broken(batch):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        in_batches(range(4), 4, broken, "pictures")
    assert in_batches([], 4, full, "pictures") == []
    for size in (0, -1):
        with pytest.raises(ConfigError, match="give 1 or more"):
            in_batches(range(4), size, full, "pictures")


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: the launch timed out and was terminated\nCompile with ...",
        "CUDA driver error: device not ready",
        "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
        "NCCL error in: ProcessGroupNCCL.cpp:42, remote process exited\nmore",
    ],
)
def test_a_device_that_fails_is_one_line_and_no_batch_is_tried_again(said):
    sizes = []

    def fails(batch):
        sizes.append(len(batch))
        raise RuntimeError(said)

    with pytest.raises(DeviceError) as told:
        in_batches(range(4), 4, fails, "pictures")
    line = f"the accelerator failed: {said.splitlines()[0]} (run again, in a new process)"
    assert str(told.value) == line
    assert sizes == [4]


@pytest.mark.parametrize("fault", ["device-side assert triggered", "no kernel image is available"])
def test_a_fault_of_the_program_is_no_failure_of_the_device(fault):
    with pytest.raises(RuntimeError, match=fault), failures_named():
        raise RuntimeError(f"CUDA error: {fault}")


def test_lack_of_memory_that_no_smaller_batch_helps_is_one_line():
    asked = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of ..."
    with pytest.raises(torch.OutOfMemoryError), failures_named():
        raise torch.OutOfMemoryError(asked)
    with (
        pytest.raises(ModelError, match=r"^out of memory: CUDA .* 2\.00 GiB \(take less\)$"),
        failures_named(more_memory="take less"),
    ):
        raise torch.OutOfMemoryError(asked)
