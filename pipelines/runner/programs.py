"""How a program of this environment is called from the reader's shell."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def called(name: str) -> str:
    """Return what to type for a program of this environment, `python` or a command of it: its name
    where the shell finds this one by it, else its path."""
    mine = Path(sys.executable).with_name(name)
    found = shutil.which(name)
    if found is not None and Path(found).parent == mine.parent:
        return name
    return str(mine)
