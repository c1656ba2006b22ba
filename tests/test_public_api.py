"""What is public is listed (`__all__`), documented, typed, in the reference, and stays."""

import ast
import json
import re

import pytest

from tests.docs.blocks import PAGES, ROOT, all_blocks
from tests.support.public_api import (
    RELEASED,
    TREES,
    definition,
    listed,
    losses,
    public,
    record,
)

REFERENCE = "\n".join(
    file.read_text("utf-8") for file in sorted((ROOT / "docs" / "reference").glob("*.md"))
)


NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def faults(node: ast.stmt, where: str, inside: bool = False) -> list[str]:
    """What a definition lacks: a docstring or an annotation, its public methods' included."""
    found = []
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and not ast.get_docstring(node):
        inherited = node.name in ("forward", "compute", "image_parts", "update")
        if not (node.name == "__init__" or (inside and inherited)):
            found.append(f"{where}: no docstring")
    if isinstance(node, ast.FunctionDef):
        static = any(getattr(one, "id", "") == "staticmethod" for one in node.decorator_list)
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        given = given[1:] if inside and not static else given
        given += [one for one in (node.args.vararg, node.args.kwarg) if one is not None]
        found += [f"{where}: {one.arg} has no type" for one in given if one.annotation is None]
        if node.returns is None:
            found.append(f"{where}: no return type")
    if isinstance(node, ast.ClassDef):
        for one in node.body:
            name = getattr(one, "name", "")
            if isinstance(one, ast.FunctionDef) and (
                name in ("__init__", "__call__") or name[:1] != "_"
            ):
                found += faults(one, f"{where}.{name}", inside=True)
    return found


PUBLIC = [(module, name) for module in TREES for name in listed(module)]


def test_what_the_documents_name_is_there():
    assert ("unigs.pipeline", "UniGSPipeline") in PUBLIC
    assert ("unigs.datasets.own", "scene_of") in PUBLIC
    assert len(PUBLIC) > 50


@pytest.mark.parametrize(("module", "name"), PUBLIC, ids=[".".join(one) for one in PUBLIC])
def test_it_is_documented_and_typed(module, name):
    _, node = definition(module, name)
    assert not faults(node, name)


@pytest.mark.parametrize(("module", "name"), PUBLIC, ids=[".".join(one) for one in PUBLIC])
def test_it_is_on_a_page_of_the_reference(module, name):
    """As itself, or with all of its module."""
    if name == "__version__":
        return
    at = {module, definition(module, name)[0]}
    assert any(
        re.search(rf"^::: {re.escape(one)}(\.{name})?$", REFERENCE, re.MULTILINE) for one in at
    )


def imported(code):
    """What a piece of Python imports from the library, by module and name."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("unigs"):
            yield from ((node.module, one.name) for one in node.names)


def test_the_documents_import_what_is_public():
    blocks = [block.given + block.code for block in all_blocks() if block.language == "python"]
    used = {one for code in blocks for one in imported(code)}
    assert used
    assert used <= set(PUBLIC), used - set(PUBLIC)


@pytest.mark.parametrize("file", NOTEBOOKS, ids=[file.stem for file in NOTEBOOKS])
def test_the_notebooks_import_what_is_public(file):
    cells = json.loads(file.read_text("utf-8"))["cells"]
    sources = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    plain = ("\n".join(line for line in one.split("\n") if line[:1] not in "%!") for one in sources)
    used = {one for code in plain for one in imported(code)}
    assert used
    assert used <= set(PUBLIC), used - set(PUBLIC)


def test_the_prose_names_what_is_public():
    named = set()
    for page in PAGES:
        text = (ROOT / page).read_text("utf-8")
        for found in re.findall(r"\bunigs(?:\.[a-z_]+)+\.\w+", text):
            module, _, name = found.rpartition(".")
            if module in TREES and found not in TREES:
                named.add((module, name))
    assert named
    assert named <= set(PUBLIC), named - set(PUBLIC)


def test_a_fault_is_found():
    code = 'class A:\n    "A."\n    def b(self, c) -> int:\n        "B."\n    def _d(self): ...'
    assert faults(ast.parse(code).body[0], "A") == ["A.b: c has no type"]
    assert faults(ast.parse("def f(a: int): ...").body[0], "f") == [
        "f: no docstring", "f: no return type",
    ]  # fmt: skip


def test_what_the_last_release_promised_is_there():
    """A name or a parameter goes away only after a release in which it was marked."""
    assert not losses(json.loads(RELEASED.read_text("utf-8")), public())


def test_a_loss_is_found_and_one_that_was_announced_is_none():
    def of(code):
        return {"m.a": record(ast.parse(code).body[0])}

    before = of("def a(x: int, y: int = 0): ...")
    assert losses(before, before) == []
    assert losses(before, of("def a(x: int, z: int = 0): ...")) == ["m.a does not take y any more"]
    assert losses(before, {}) == ["m.a is gone"]
    marked = of("@deprecated('use b', category=FutureWarning)\ndef a(x: int): ...")
    assert losses(marked, {}) == []
    kind = of("class a:\n    size: int\n    def b(self, c): ...\n    def _d(self): ...")
    assert losses(kind, of("class a:\n    def b(self): ...")) == [
        "m.a.size is gone",
        "m.a.b does not take c any more",
    ]
