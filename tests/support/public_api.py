"""What is public, read from the text of the files: nothing heavy is imported.

    python -m tests.support.public_api

notes it, with a release, in `tests/public_api.json`: from then on a name or a parameter goes away
only after a release in which it was marked `@deprecated` (CONTRIBUTING.md).
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RELEASED = ROOT / "tests" / "public_api.json"
Defined = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


def _module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_module_of(file): file for file in sorted((ROOT / "unigs").rglob("*.py"))}
TREES = {module: ast.parse(file.read_text("utf-8")) for module, file in FILES.items()}


def listed(module: str) -> list[str]:
    """The names in `__all__` of a module; none where it has none."""
    for node in TREES[module].body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return ast.literal_eval(node.value)
    return []


def definition(module: str, name: str) -> tuple[str, Defined]:
    """Where a name is defined, and how; imports are followed."""
    for node in TREES[module].body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return module, node
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(one, ast.Name) and one.id == name for one in targets):
                return module, node
        if isinstance(node, ast.ImportFrom) and any(one.name == name for one in node.names):
            return definition(str(node.module), name)
    raise AssertionError(f"{module} lists {name} and has none")


def record(node: ast.stmt) -> dict[str, Any]:
    """What a release promises of a definition: its parameters or members, and whether it is marked
    as going."""
    found: dict[str, Any] = {}
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        marks = [one.func for one in node.decorator_list if isinstance(one, ast.Call)]
        if any(getattr(one, "id", "") == "deprecated" for one in marks):
            found["deprecated"] = True
    if isinstance(node, ast.FunctionDef):
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        found["parameters"] = [one.arg for one in given if one.arg not in ("self", "cls")]
    if isinstance(node, ast.ClassDef):
        members = {}
        for one in node.body:
            name = getattr(one, "name", "") or getattr(getattr(one, "target", None), "id", "")
            if name in ("__init__", "__call__") or (name and name[0] != "_"):
                members[name] = record(one)
        found["members"] = members
    return found


def public() -> dict[str, dict[str, Any]]:
    """Every public name with its record."""
    return {
        f"{module}.{name}": record(definition(module, name)[1])
        for module in TREES
        for name in listed(module)
    }


def losses(before: dict[str, Any], now: dict[str, Any], where: str = "") -> list[str]:
    """What was promised, is gone, and had not been marked as going."""
    gone = []
    for name, promised in before.items():
        place = f"{where}{name}"
        if promised.get("deprecated"):
            continue
        if name not in now:
            gone.append(f"{place} is gone")
            continue
        parameters = now[name].get("parameters", [])
        gone += [
            f"{place} does not take {one} any more"
            for one in promised.get("parameters", [])
            if one not in parameters
        ]
        members = promised.get("members", {}), now[name].get("members", {})
        gone += losses(*members, f"{place}.")
    return gone


if __name__ == "__main__":
    RELEASED.write_text(json.dumps(public(), indent=1) + "\n", encoding="utf-8")
