"""A code version that changes when a stage's code does, and not with its comments."""

import ast
import hashlib
import subprocess
from functools import cache
from pathlib import Path

import unigs

_PACKAGE = Path(unigs.__file__).parent
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_version(*parts: str) -> str:
    """12 hex digits over the code of ``parts``: files and folders of ``unigs``, without ``.py``.

    Comments, docstrings and layout do not count. A part that does not exist is an error, so that a
    renamed file cannot silently drop out.
    """
    digest = hashlib.sha256()
    for part in parts:
        files = sorted((_PACKAGE / part).glob("**/*.py")) or [_PACKAGE / f"{part}.py"]
        for file in files:
            digest.update(f"{file.relative_to(_PACKAGE)}\n".encode())
            digest.update(_meaning(file).encode())
    return digest.hexdigest()[:12]


@cache
def _meaning(file: Path) -> str:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


@cache
def git_commit() -> str:
    """The commit of the working tree, ``+`` when it has changes, the version outside a clone."""
    try:
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return unigs.__version__
    return f"{commit}+" if changed else commit


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(_PACKAGE.parent), *arguments],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
