"""The memory of a command is that of all its processes."""

import re
import sys

from tests.benchmarks.commands import run


def test_the_memory_of_a_command_and_its_exit_code():
    told = run("memory.run", sys.executable, "-c", "import time; time.sleep(1)")
    assert "exit code 0" in told
    assert re.search(r"[.\d]+ GB  \S+ -c import time; time.sleep\(1\)", told)
