"""Compiled kernels are cached, and rebuilt when a kernel they call has changed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMPILE = Path(__file__).parents[2] / "unigs" / "io" / "kernels.py"
INNER = """from unigs.io.kernels import {kind}
@{kind}
def inner(x):
    return x + {added}
"""
OUTER = """from unigs.io.kernels import kernel
from unigs.inner import inner
@kernel
def outer(x):
    return 2 * inner(x)
print(outer(1), sum(outer.stats.cache_hits.values()))
"""


@pytest.mark.parametrize("kind", ["kernel", "kernel_part"])
def test_a_kernel_is_made_again_when_one_that_it_calls_changes(tmp_path, kind):
    package = tmp_path / "unigs"
    (package / "io").mkdir(parents=True)
    (package / "io" / "kernels.py").write_bytes(COMPILE.read_bytes())
    (package / "outer.py").write_text(OUTER)

    def run(added):
        (package / "inner.py").write_text(INNER.format(added=added, kind=kind))
        command = [sys.executable, "-c", "import unigs.outer"]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        result = subprocess.run(
            command, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
        )
        # Two kernels are compiled, and said once; what comes from the cache is not.
        return [*result.stdout.split(), str(result.stderr.count("compiling numeric kernels"))]

    assert run(1) == ["4", "0", "1"]
    assert run(1) == ["4", "1", "0"]
    assert run(5) == ["12", "0", "1"]
