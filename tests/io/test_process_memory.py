"""Memory that a process keeps and gives back."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from unigs.io import process_memory
from unigs.io.process_memory import freed_memory_kept

# Allocates and frees what a step does, ten times; prints pages that the system cleared, and bytes
# that stay with the process afterwards.
SCRIPT = """
import resource, sys
from contextlib import nullcontext
from pathlib import Path
import torch
from unigs.io.process_memory import freed_memory_kept

def step():
    held = [torch.zeros(1 << 20) for _ in range(24)]

with freed_memory_kept() if sys.argv[1] == "kept" else nullcontext():
    step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        step()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize())
"""
glibc = pytest.mark.skipif(process_memory._glibc() is None, reason="this C library is not glibc")


def run(kind: str) -> tuple[int, int]:
    command = [sys.executable, "-c", SCRIPT, kind]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(said[0]), int(said[1])


@glibc
def test_kept_memory_is_not_cleared_again_and_goes_back_at_the_end() -> None:
    """96 MiB a step: cleared once, not eleven times, and given back after the block."""
    (kept, left), (usual, _) = run("kept"), run("usual")
    page = resource.getpagesize()
    assert kept * page < 96 << 20 < usual * page
    with_torch = run("usual")[1]
    assert left < with_torch + (48 << 20)


@glibc
def test_blocks_nest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The outer block decides when memory goes back."""
    trims = []

    class Library:
        def mallopt(self, parameter: int, value: int) -> int:
            return 1

        def malloc_trim(self, pad: int) -> int:
            trims.append(pad)
            return 1

    monkeypatch.setattr(process_memory, "_glibc", Library)
    with freed_memory_kept():
        with freed_memory_kept():
            pass
        assert not trims
    assert trims == [0]


def test_without_glibc_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_memory, "_glibc", lambda: None)
    with freed_memory_kept():
        assert torch.ones(3).sum() == 3


def test_peak_memory_is_of_the_whole_process() -> None:
    """Of a new process alone: the one that starts it here has been larger."""
    once_large = torch.ones(1 << 28)
    code = (
        "import torch\n"
        "from unigs.io.process_memory import peak_memory\n"
        "cpu = torch.device('cpu')\n"
        "before = peak_memory(cpu)\n"
        "block = torch.ones(1 << 27)\n"
        "print(peak_memory(cpu) - before)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert 256 << 20 < int(said.stdout) < 1 << 30 == once_large.nbytes


def test_without_a_status_file_the_system_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process_memory, "_STATUS", tmp_path / "status")
    unit = 1 if sys.platform == "darwin" else 1024
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    assert process_memory.peak_memory(torch.device("cpu")) >= resident > 1 << 20
