"""Every block of code in the documents is run or says why not, and calls commands as they are."""

import ast
import re

import pytest
import yaml

from tests.cli.test_examples import commands as click_commands
from tests.docs.blocks import LANGUAGES, ROOT, all_blocks, blocks_of, commands
from unigs import cli

BLOCKS = all_blocks()
COMMANDS = dict(click_commands())


def named(block):
    return f"{block.page}:{block.line}"


def test_the_documents_are_looked_at():
    assert len(BLOCKS) > 60
    assert {"README.md", "docs/tutorial.md", "docs/howto/task.md"} <= {one.page for one in BLOCKS}


def test_each_has_a_language():
    assert not [named(one) for one in BLOCKS if one.language not in LANGUAGES]


def test_a_reason_is_a_reason():
    assert not [named(one) for one in BLOCKS if one.reason is not None and len(one.reason) < 10]


def test_a_mark_stands_above_a_block():
    """A mark that a paragraph has come to follow would leave its block unmarked in silence."""
    for page in {one.page for one in BLOCKS}:
        marks = re.findall(
            r"^ *<!-- (?:not run:|given)", (ROOT / page).read_text("utf-8"), re.MULTILINE
        )
        used = [one for one in BLOCKS if one.page == page and (one.reason or one.given)]
        assert len(marks) == len(used), page


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == "python"], ids=named)
def test_python_parses(block):
    ast.parse(block.given + block.code)


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == "yaml"], ids=named)
def test_yaml_parses(block):
    assert yaml.safe_load(block.code)


CALLS = [(one, call) for one in BLOCKS if one.language in ("shell", "console")
         for call in commands(one, "unigs")]  # fmt: skip


@pytest.mark.parametrize(("block", "call"), CALLS, ids=lambda part: getattr(part, "page", ""))
def test_unigs_takes_the_call(block, call):
    """Names of commands and options are right, also where the call is not run."""
    if call in (["--help"], ["--version"]):
        return
    words = next((tuple(call[:size]) for size in (2, 1) if tuple(call[:size]) in COMMANDS), None)
    assert words is not None, f"{named(block)}: no command {call[:2]}"
    # the folders of an example are the reader's
    try:
        COMMANDS[words].make_context(words[-1], call[len(words) :])
        fault = "does not exist"
    except cli.USAGE_ERROR as error:
        fault = error.format_message()
    assert "does not exist" in fault, f"{named(block)}: {fault}"


PAGE = """text
<!-- not run: takes an accelerator -->
```shell
unigs train \\
    --task x  # a remark
FOO=1 unigs plan
unigs run ...
```

<!-- given
a = 1
-->
```python
print(a)
```
"""


def test_marks_are_read():
    first, second = blocks_of("a.md", PAGE)
    assert (first.line, first.language, first.reason) == (3, "shell", "takes an accelerator")
    assert not first.runs
    assert list(commands(first, "unigs")) == [["train", "--task", "x"], ["plan"]]
    assert second.runs
    assert second.given == "a = 1\n"


def test_a_block_without_a_mark_is_to_run():
    (block,) = blocks_of("a.md", PAGE.split("\n", 2)[2].split("\n\n")[0])
    assert block.runs
