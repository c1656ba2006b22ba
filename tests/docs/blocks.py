"""The fenced blocks of README, CONTRIBUTING and docs, and what is said of each.

A block of `shell`, `console` or `python` is run by `test_blocks_run.py`, or the line above it says
why it is not: `<!-- not run: REASON -->`. `<!-- given` begins Python that runs before the block and
that readers do not see.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", *(
    file.relative_to(ROOT).as_posix() for file in sorted((ROOT / "docs").rglob("*.md"))
))  # fmt: skip
RUN = ("shell", "console", "python")
LANGUAGES = (*RUN, "text", "yaml", "json", "toml")
_FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"<!-- not run: (.*?) -->\n\Z")
_GIVEN = re.compile(r"<!-- given\n((?:(?!-->).)*?)-->\n\Z", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        page, line: where its fence is.
        language: what stands behind the fence.
        code: its lines, without the indentation of the fence.
        reason: why it is not run; None if it is.
        given: Python that it stands on.
    """

    page: str
    line: int
    language: str
    code: str
    reason: str | None
    given: str

    @property
    def runs(self) -> bool:
        return self.language in RUN and self.reason is None


def blocks_of(page: str, text: str) -> Iterator[Block]:
    """Yield the blocks of a page."""
    for found in _FENCE.finditer(text):
        before = text[: found.start()]
        marked, given = _MARK.search(before), _GIVEN.search(before)
        code = re.sub(rf"^{found[1]}", "", found[3], flags=re.MULTILINE)
        yield Block(
            page, before.count("\n") + 1, found[2].strip(), code,
            marked[1] if marked else None, given[1] if given else "",
        )  # fmt: skip


def all_blocks() -> list[Block]:
    """Return the blocks of all pages."""
    return [block for page in PAGES for block in blocks_of(page, (ROOT / page).read_text("utf-8"))]


def commands(block: Block, name: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of a command in a shell block that names no placeholder."""
    for line in block.code.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            del words[0]
        if words[:1] == [name] and "..." not in words:
            yield words[1:]
