"""What people upload: a picture of a bounded size, or a sentence."""

import io

import numpy as np
import pytest
from PIL import Image

from unigs.demo import upload
from unigs.demo.upload import WORKING_SIDE, read_upload
from unigs.errors import DataError


def photograph(size=(40, 30), mode="RGB", **options):
    """Return the bytes of a picture of noise."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (size[1], size[0], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, options.pop("format", "PNG"), **options)
    return file.getvalue()


def sixteen_bits():
    file = io.BytesIO()
    Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50).save(file, "PNG")
    return file.getvalue()


GOOD = {
    "one pixel": (photograph((1, 1)), (1, 1)),
    "CMYK": (photograph(mode="CMYK", format="JPEG"), (30, 40)),
    "16 bits": (sixteen_bits(), (30, 40)),
    "alpha": (photograph(mode="RGBA"), (30, 40)),
    "grey with alpha": (photograph(mode="LA"), (30, 40)),
    "palette": (photograph(mode="P"), (30, 40)),
    "one bit": (photograph(mode="1"), (30, 40)),
    "large": (photograph((2100, 1050), format="JPEG"), (WORKING_SIDE // 2, WORKING_SIDE)),
    "a line": (photograph((3000, 1)), (1, WORKING_SIDE)),
}
BAD = {
    "text": b"Dear model,\n",
    "nothing": b"",
    "a cut PNG": photograph((64, 64))[:-2000],
    "a cut JPEG": photograph((64, 64), format="JPEG")[:-800],
    "an animated GIF": photograph(
        format="GIF", save_all=True, append_images=[Image.new("RGB", (40, 30))]
    ),
    "a web page": b"<html><body>404</body></html>",
    "HTML that calls itself PNG": b"\x89PNG\r\n\x1a\n<html>",
}


@pytest.mark.parametrize("kind", GOOD)
def test_it_is_rgb_of_a_size_to_work_on(tmp_path, kind):
    data, size = GOOD[kind]
    file = tmp_path / "a picture"
    file.write_bytes(data)
    pixels = read_upload(file)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (*size, 3))


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_one_is_a_sentence_with_its_name(tmp_path, kind):
    file = tmp_path / "holiday.png"
    file.write_bytes(BAD[kind])
    with pytest.raises(DataError) as told:
        read_upload(file)
    said = str(told.value)
    assert said.startswith("holiday.png: ")
    assert str(tmp_path) not in said
    assert "photograph" in said


def test_size_is_looked_at_before_anything_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(upload, "read_image", lambda path: pytest.fail("it was decoded"))
    bomb = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(bomb)
    with pytest.raises(DataError, match=r"bomb.png: far more than 50 million pixels"):
        read_upload(bomb)
    Image.new("1", (10_000, 6_000)).save(bomb)
    with pytest.raises(DataError, match=r"bomb.png: 10000x6000 pixels, at most 50 million"):
        read_upload(bomb)
    monkeypatch.setattr(upload, "MAX_MEGABYTES", 0.001)
    heavy = tmp_path / "heavy.png"
    heavy.write_bytes(photograph((64, 64)))
    with pytest.raises(DataError, match=r"heavy.png: .* at most 0.001 MB"):
        read_upload(heavy)
    with pytest.raises(DataError, match="did not arrive"):
        read_upload(tmp_path / "gone.png")
