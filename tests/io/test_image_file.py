"""One rule for pictures: which are read, which way up, and which files of a folder they are."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from unigs.errors import DataError
from unigs.io.image_file import (
    decode_labels,
    image_files,
    open_image,
    read_image,
    turned_upright,
    verified_size,
)

HEIGHT, WIDTH = 32, 48
# blocks of 16 x 16, so that no format blurs one into the next
BLOCKS = np.array([[250, 10, 130], [70, 190, 30]], dtype=np.uint8)
PIXELS = np.repeat(np.kron(BLOCKS, np.ones((16, 16), np.uint8))[..., None], 3, axis=2)
# what a viewer shows for each orientation of the EXIF standard
SHOWN = {
    1: PIXELS,
    2: PIXELS[:, ::-1],
    3: PIXELS[::-1, ::-1],
    4: PIXELS[::-1],
    5: PIXELS.transpose(1, 0, 2),
    6: np.rot90(PIXELS, -1),
    7: PIXELS[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(PIXELS),
}


def write(path, kind, image=None, **options):
    (image or Image.fromarray(PIXELS)).save(path, kind, **options)
    return path


@pytest.mark.parametrize("orientation", SHOWN)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_photographs_are_read_upright(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = write(tmp_path / "a.jpg", kind, exif=exif)
    size = verified_size(path.read_bytes(), path)
    shown = SHOWN[orientation]
    assert size.upright == shown.shape[:2]
    image = read_image(path, shown.shape[:2])
    assert np.abs(image.astype(int) - shown).mean() < 8
    stored = read_image(path, size.stored, upright=False)
    # a TIFF is never told from its turned self: Pillow turns it while it reads it
    assert np.abs(stored.astype(int) - (shown if kind == "TIFF" else PIXELS)).mean() < 8


def test_broken_exif_record_loses_no_image(tmp_path):
    path = write(tmp_path / "a.jpg", "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert verified_size(path.read_bytes(), path) == (HEIGHT, WIDTH, 1)
    assert read_image(path).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "entry",
    [
        (0x0100, 2, 3, b"ab\0\0"),
        (0x0103, 4, 1, b"\xff\xff\xff\xff"),
        (0x0106, 8, 1, b"\xfd\xff\0\0"),
    ],
)
def test_photograph_is_turned_though_its_exif_record_cannot_be_written_again(tmp_path, kind, entry):
    # width as text, a compression out of range, a negative kind of pixels
    entries = [entry, (0x0112, 3, 1, b"\6\0\0\0")]
    body = b"".join(struct.pack("<HHI", *one[:3]) + one[3] for one in entries)
    record = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4)
    path = write(tmp_path / "a.jpg", kind, exif=record)
    assert np.abs(read_image(path).astype(int) - SHOWN[6]).mean() < 8
    opened = open_image(path)
    assert opened.size == (HEIGHT, WIDTH)
    assert turned_upright(opened) is opened


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".dat", ""])
def test_content_tells_the_format_not_the_suffix(tmp_path, kind, suffix):
    path = write(tmp_path / f"a{suffix}", kind)
    assert np.abs(read_image(path).astype(int) - PIXELS).mean() < 8


@pytest.mark.parametrize("kind", ["GIF", "PPM", "TGA", "ICO"])
def test_other_formats_are_refused(tmp_path, kind):
    path = write(tmp_path / "a.png", kind)
    with pytest.raises(DataError, match="not a readable JPEG, PNG, WebP, BMP or TIFF"):
        read_image(path)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_kinds_of_pixels_become_rgb(tmp_path, mode):
    grey = Image.fromarray(PIXELS[..., 0])
    image = (
        Image.fromarray(PIXELS[..., 0].astype(np.uint16) << 8)
        if mode == "I;16"
        else grey.convert(mode)
    )
    found = read_image(write(tmp_path / "a", "TIFF" if mode == "CMYK" else "PNG", image))
    assert (found.dtype, found.shape) == (np.uint8, (HEIGHT, WIDTH, 3))
    wanted = np.asarray(image.convert("RGB")) if mode == "1" else PIXELS
    assert np.abs(found.astype(int) - wanted).mean() < 8


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.new("F", (4, 4)), "floating-point"),
        (Image.new("LAB", (4, 4)), "no RGB form"),
        (Image.new("I", (4, 4), 1 << 20), "32 bits a sample"),
    ],
    ids=["F", "LAB", "I"],
)
def test_pixels_without_an_rgb_form_are_refused(tmp_path, image, reason):
    with pytest.raises(DataError, match=reason):
        read_image(write(tmp_path / "a.tif", "TIFF", image))


def test_labels_are_png_alone(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "BMP")
    with pytest.raises(DataError, match="expected PNG"):
        decode_labels(buffer.getvalue(), tmp_path / "a.png")


def test_listing_skips_what_systems_leave_behind(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "@eaDir").mkdir()
    (tmp_path / ".ipynb_checkpoints").mkdir()
    for name in (
        *("a.JPG", "._a.JPG", "c.webp", "d.tiff", "Thumbs.db", "a.jpg~", "b/e.bmp"),
        *("@eaDir/a.jpg", "__MACOSX/a.jpg", ".ipynb_checkpoints/a.jpg", "b/._e.bmp"),
    ):
        (tmp_path / name).write_bytes(b"x")
    found = [path.relative_to(tmp_path).as_posix() for path in image_files(tmp_path)]
    assert found == ["a.JPG", "c.webp", "d.tiff", "b/e.bmp"]
    flat = [path.name for path in image_files(tmp_path, below=False)]
    assert flat == ["a.JPG", "c.webp", "d.tiff"]
