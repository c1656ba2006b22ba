"""The code version follows the code's meaning."""

from pathlib import Path

import pytest

from assets_defs.cache import code_version as module


def test_comments_and_the_words_of_docstrings_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PACKAGE", tmp_path)
    versions = []
    for text in (
        'def f(x):\n    """Double."""\n    return 2 * x\n',
        'def f(x):\n    """Twice as much."""\n\n    # comment\n    return (2 * x)\n',
        'def f(x):\n    """Double."""\n    return 3 * x\n',
    ):
        (tmp_path / "stage.py").write_text(text)
        module._meaning.cache_clear()
        versions.append(module.code_version("stage"))
    module._meaning.cache_clear()
    assert versions[0] == versions[1] != versions[2]


def test_a_file_added_to_a_folder_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PACKAGE", tmp_path)
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "a.py").write_text("x = 1\n")
    before = module.code_version("part")
    (tmp_path / "part" / "b.py").write_text("")
    assert module.code_version("part") != before


def test_a_renamed_file_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        module.code_version("no_such_stage")
