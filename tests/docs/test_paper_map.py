"""docs/paper_map.md names everything of the paper, and files and names that there are."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "paper_map.md").read_text(encoding="utf-8")
SECTIONS = [
    "1",
    "2",
    "3",
    "3.1",
    "3.2",
    "3.3",
    "3.4",
    "4",
    "4.1",
    "4.2",
    "4.3",
    "4.4",
    "4.5",
    "4.6",
    "5",
    "6",
    "7",
]
PAPER = {
    *(f"§{number}" for number in SECTIONS),
    *(f"Eq. {number}" for number in range(1, 12)),
    "Algorithm 1",
    *(f"Table {number}" for number in range(1, 11)),
    *(f"Figure {number}" for number in range(1, 12)),
}
# paper, what, file, names
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in PAGE.splitlines()
    if re.match(r"\| (§|Eq\.|Algorithm|Table|Figure)", line)
]


def names_in(file: Path) -> set[str]:
    """The functions, classes, methods and module-level names of a Python file."""
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{one.name}" for one in node.body if hasattr(one, "name")}
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def test_everything_of_the_paper_is_there_and_nothing_else():
    assert {row[0] for row in ROWS} == PAPER


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}: {row[1]}" for row in ROWS])
def test_the_file_holds_the_names(row):
    _, _, file, names = row
    path = ROOT / file.strip("`")
    assert path.is_file()
    wanted = set(re.findall(r"`([^`]+)`", names))
    assert wanted or path.suffix != ".py"
    if path.suffix == ".py":
        assert wanted <= names_in(path), sorted(names_in(path))


def test_a_name_that_is_gone_is_found_out(tmp_path):
    file = tmp_path / "a.py"
    file.write_text("A = 1\nB: int = 2\n\n\nclass C:\n    def d(self): ...\n")
    assert names_in(file) == {"A", "B", "C", "C.d"}


def test_other_files_that_it_names_are_there():
    for file in re.findall(r"`([a-z_]+/[^`]+\.(?:py|yaml|md))`", PAGE):
        assert (ROOT / file).is_file(), file
