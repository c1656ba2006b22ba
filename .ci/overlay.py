"""Run tests in an environment that lies over the locked one, with the packages of an extra."""

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_with(extra: str, tests: str) -> int:
    """Install requirements-EXTRA.txt into .venv-EXTRA, over the environment of this interpreter,
    and run the slow tests of a folder or file there; the exit code."""
    venv = ROOT / f".venv-{extra}"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = venv / "bin" / "python"
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", query], check=True, capture_output=True, text=True).stdout
    (Path(own.strip()) / "below.pth").write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n")
    install = [python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--no-deps"]
    subprocess.run([*install, "--requirement", f"requirements-{extra}.txt"], cwd=ROOT, check=True)
    return subprocess.run([python, "-m", "pytest", "-m", "slow", tests], cwd=ROOT).returncode
