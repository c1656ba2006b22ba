"""The table of entities for people."""

from pathlib import Path

import pytest

from unigs.cli.shared.entity_table import print_entities


def test_names_are_shown_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Square brackets are markup to rich."""
    entity = {"id": 1, "class_name": "dog[/b]", "score": 0.5, "area": 4, "bbox": [0, 0, 2, 2]}
    files = {kind: str(tmp_path / kind) for kind in ("image", "colormap", "overlay", "panoptic")}
    print_entities([{"name": "cat[final]", "entities": [entity], **files}], tmp_path)
    said = capsys.readouterr().out
    assert "cat[final]" in said
    assert "dog[/b]" in said
