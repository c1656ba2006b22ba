"""A code version that changes when a stage's code does, and not with its comments."""

import hashlib
import subprocess
from functools import cache
from pathlib import Path
from types import CodeType

import unigs

_PACKAGE = Path(unigs.__file__).parent


def code_version(*parts: str) -> str:
    """12 hex digits over the code of ``parts``: files and folders of ``unigs``, without ``.py``.

    Comments, blank lines and the words of docstrings do not count. A part that does not exist is
    an error, so that a renamed file cannot silently drop out.
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
    # Compiled without docstrings and read without line numbers: fast enough for every start.
    code = compile(file.read_bytes(), file.name, "exec", dont_inherit=True, optimize=2)
    return repr(_plain(code))


def _plain(value: object) -> object:
    """Byte code, names and constants of a code object, nested ones too, in a stable order."""
    if isinstance(value, CodeType):
        names = (value.co_name, value.co_names, value.co_varnames, value.co_freevars)
        return (value.co_code, names, [_plain(constant) for constant in value.co_consts])
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(map(repr, value))
    return value


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
