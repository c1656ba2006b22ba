"""What a materialisation shows: pictures without a click, as long as they are small; numbers and
nothing as people write them."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from assets_defs.metadata import materialize
from assets_defs.metadata.materialize import inline, legible


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


@pytest.mark.parametrize(
    ("built", "shown"),
    [
        (0.19443489570396502, 0.19443),
        (297.4594475440099, 297.46),
        (6758688, 6758688),
        (False, False),
        (0, 0),
        (None, "none"),
        ({}, "none"),
        ([], "none"),
        ({"entity": {"low": 0.012345678}}, {"entity": {"low": 0.012346}}),
        ("", ""),
        (123456789.0, 123456789.0),
        (float("inf"), float("inf")),
        ([0.123456789, [None]], [0.12346, ["none"]]),
    ],
)
def test_numbers_and_nothing_are_legible(built: Any, shown: Any) -> None:
    assert legible(built) == shown
    assert type(legible(built)) is type(shown)
