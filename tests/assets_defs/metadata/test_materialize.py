"""Pictures of a materialisation are seen without a click, as long as they are small."""

from pathlib import Path

import pytest
from PIL import Image

from assets_defs.metadata import materialize
from assets_defs.metadata.materialize import inline


def test_a_small_picture_is_inside_the_metadata_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    Image.new("RGB", (8, 8)).save(small)
    Image.effect_noise((64, 64), 50.0).save(large)
    monkeypatch.setattr(materialize, "_INLINE_BYTES", large.stat().st_size - 1)
    found = inline({"grid": small, "sheet": large, "gone": tmp_path / "gone.png"})
    assert [*found] == ["grid"]
    assert str(found["grid"].value).startswith("![grid](data:image/png;base64,iVBOR")
