"""Execute the code cells of a notebook in order, as Jupyter does, without Jupyter.

    python -m tests.support.run_notebook FILE

The notebooks of this project hold plain Python: no magics and no shell lines.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def code_cells(file: Path) -> list[str]:
    """Return the source of each code cell."""
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


if __name__ == "__main__":
    notebook = Path(sys.argv[1])
    namespace = {"__name__": "__main__"}
    for number, source in enumerate(code_cells(notebook), start=1):
        exec(compile(source, f"{notebook.name}, code cell {number}", "exec"), namespace)
