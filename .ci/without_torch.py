"""The tests of all that works without torch, in an environment without it (.venv-without-torch).

Run with the interpreter to be tested. The environment holds the dependencies of pyproject.toml
but those that need torch, in the versions of requirements.lock, and the `test` extra.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

NEED_TORCH = ["diffusers", "torch", "torchmetrics", "torchvision", "transformers"]
ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv-without-torch"


def name(requirement: str) -> str:
    return re.split(r"[\[><=]", requirement)[0]


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [r for r in project["dependencies"] if name(r) not in NEED_TORCH]
    wanted += project["optional-dependencies"]["test"]
    python = VENV / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--constraint", "requirements.lock", *wanted],
        cwd=ROOT, check=True,
    )  # fmt: skip
    lacks = [*NEED_TORCH, *map(name, project["optional-dependencies"]["pipeline"])]
    lacks = [package.replace("-", "_") for package in lacks]
    # The project itself is not installed: commands that tests start elsewhere find it so.
    done = subprocess.run(
        [python, "-m", "pytest", "-n", "2", "-r", "fE", f"--lacks={','.join(lacks)}"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
