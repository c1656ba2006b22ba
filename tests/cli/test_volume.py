"""--quiet and --verbose do what they say."""

import subprocess
import sys

import pytest

from unigs.datasets.shapes.generate import write_shapes


def unigs(folder, *arguments):
    command = [sys.executable, "-m", "unigs", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_quiet_shows_no_progress_and_the_same_result(tmp_path):
    write_shapes(tmp_path, train=0, val=2, size=32)
    asked = ("data", "--dataset", "shapes", "--root", ".", "--split", "val")
    loud, quiet = unigs(tmp_path, *asked), unigs(tmp_path, *asked, "--quiet")
    assert "record" in loud.stderr
    assert quiet.stderr == ""
    assert (quiet.returncode, quiet.stdout) == (0, loud.stdout)


def test_verbose_says_where_an_error_is_from(tmp_path):
    asked = ("codec", "--dataset", "shaps", "--root", ".", "--split", "val")
    plain, verbose = unigs(tmp_path, *asked), unigs(tmp_path, *asked, "--verbose")
    assert "Traceback" not in plain.stderr
    assert "catalog.py" in verbose.stderr
    assert verbose.stderr.splitlines()[-1] == plain.stderr.strip()


def test_verbose_reaches_the_process_that_a_command_starts(tmp_path):
    pytest.importorskip("mlflow")
    plain, verbose = (unigs(tmp_path, "rollback", "--store", ".", *more) for more in ((), ("-v",)))
    assert "Traceback" not in plain.stderr
    assert "champion.py" in verbose.stderr
    assert verbose.stderr.splitlines()[-1] == plain.stderr.strip()
