"""A code version that changes when a stage's code does, and not with its comments."""

import hashlib
import re
from functools import cache
from pathlib import Path
from types import CodeType

import unigs

_PACKAGE = Path(unigs.__file__).parent
_IMPORT = re.compile(
    rb"^\s*(?:from\s+unigs([\w.]*)\s+import\s+(\([^)]*\)|.+)|import\s+unigs\.([\w.]+))",
    re.MULTILINE,
)
# Ignored everywhere: presets, whose values every asset counts among its inputs, and messages.
WITHOUT_EFFECT = ("config/", "errors.py", "__init__.py")


def code_version(*modules: str, without: tuple[str, ...] = ()) -> str:
    """Return 12 hex digits over the code of some modules and of all that they import of ``unigs``.

    ``modules`` are files or whole folders: ``shards``, ``models/unet``, ``datasets``.

    ``without`` names modules that are ignored, with what only they import: those whose whole
    effect is among the asset's inputs already. Comments, blank lines and the words of docstrings
    do not count. A module that does not exist is an error, so that a renamed file cannot silently
    drop out.
    """
    digest = hashlib.sha256()
    for file in closure(*modules, without=without):
        digest.update(f"{file.relative_to(_PACKAGE)}\n{_meaning(file)}\n".encode())
    return digest.hexdigest()[:12]


def closure(*modules: str, without: tuple[str, ...] = ()) -> list[Path]:
    """Return the files of ``modules`` and what they import of ``unigs``, sorted."""
    found: set[Path] = set()
    passed_over = {_PACKAGE / f"{name}.py" for name in without}
    missing = [file for file in passed_over if not file.is_file()]
    if missing:
        raise FileNotFoundError(missing[0])
    waiting = [
        file
        for module in modules
        for file in sorted((_PACKAGE / module).glob("**/*.py")) or [_PACKAGE / f"{module}.py"]
    ]
    while waiting:
        file = waiting.pop()
        if file not in found and file not in passed_over:
            found.add(file)
            waiting += _imports(file)
    names = {file: file.relative_to(_PACKAGE).as_posix() for file in found}
    return sorted(file for file, name in names.items() if not name.startswith(WITHOUT_EFFECT))


@cache
def _imports(file: Path) -> list[Path]:
    targets: set[Path] = set()
    for dotted, names, whole in _IMPORT.findall(file.read_bytes()):
        base = (whole or dotted).decode().strip(".").replace(".", "/")
        candidates = [base, *(f"{base}/{name}" for name in re.findall(r"\w+", names.decode()))]
        for name in candidates:
            for path in (_PACKAGE / f"{name}.py", _PACKAGE / name / "__init__.py"):
                if path.is_file():
                    targets.add(path)
    return sorted(targets)


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
