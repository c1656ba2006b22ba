"""The slow tests of the launcher `ray`, on a cluster of two nodes that they start on this machine.

Run with `.venv/bin/python`. Ray and what it brings are no part of that environment: another one
(.venv-ray) lies over it, with requirements-ray.txt.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv-ray"


def main() -> None:
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    python = VENV / "bin" / "python"
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", query], check=True, capture_output=True, text=True).stdout
    (Path(own.strip()) / "below.pth").write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n")
    install = [python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--no-deps"]
    subprocess.run([*install, "--requirement", "requirements-ray.txt"], cwd=ROOT, check=True)
    tests = [python, "-m", "pytest", "-m", "slow", "tests/resources/ray_cluster"]
    sys.exit(subprocess.run(tests, cwd=ROOT).returncode)


if __name__ == "__main__":
    main()
