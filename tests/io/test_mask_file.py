import numpy as np
import pytest
from PIL import Image

from unigs.errors import DataError
from unigs.io.mask_file import marked, painted, read_mask

MASK = np.zeros((16, 16), bool)
MASK[4:12, 4:12] = True
SIZE = MASK.shape


def values(inside, outside=0, dtype=np.uint8):
    return np.where(MASK, inside, outside).astype(dtype)


def with_alpha(color, clear, alpha=255):
    """RGBA: `color` under `alpha` where marked, `clear` under alpha 0 elsewhere."""
    return np.dstack([*(values(i, o) for i, o in zip(color, clear, strict=True)), values(alpha)])


def indexed(index, colors, background=0):
    picture = Image.fromarray(values(index, background), "P")
    picture.putpalette([channel for color in colors for channel in color])
    return picture


def color_key():
    """A palette picture whose index 0 is transparent and white."""
    picture = indexed(1, [(255, 255, 255), (0, 0, 0)])
    picture.info["transparency"] = 0
    return picture


BLACK, WHITE, RED = (0, 0, 0), (255, 255, 255), (255, 0, 0)
PICTURES = {
    "0 and 255": Image.fromarray(values(255)),
    "0 and 1": Image.fromarray(values(1)),
    "grey 100": Image.fromarray(values(100)),
    "grey between": Image.fromarray(values(200, 60)),
    "red": Image.fromarray(np.dstack([values(255), values(0), values(0)])),
    "dark blue": Image.fromarray(np.dstack([values(0), values(0), values(40)])),
    "1 bit": Image.fromarray(MASK),
    "16 bits": Image.fromarray(values(65535, dtype=np.uint16)),
    "16 bits, 0 and 1": Image.fromarray(values(1, dtype=np.uint16)),
    "16 bits between": Image.fromarray(values(50000, 9000, np.uint16)),
    "voc": indexed(1, [BLACK, (128, 0, 0)]),
    "voc, a later class": indexed(4, [BLACK] * 5),
    "palette, background in colour": indexed(1, [(128, 64, 128), (0, 0, 142)]),
    "palette, white first": indexed(0, [WHITE, BLACK], background=1),
    "palette, a transparent index": color_key(),
    "white on clear white": Image.fromarray(with_alpha(WHITE, WHITE)),
    "white on clear black": Image.fromarray(with_alpha(WHITE, BLACK)),
    "black on clear black": Image.fromarray(with_alpha(BLACK, BLACK)),
    "faint strokes": Image.fromarray(with_alpha(RED, BLACK, 60)),
    "opaque, black and white": Image.fromarray(np.dstack([*[values(255)] * 3, values(255, 255)])),
    "grey with alpha": Image.fromarray(np.dstack([values(255, 255), values(255)]), "LA"),
    "cmyk": Image.fromarray(np.dstack([values(255)] * 3)).convert("CMYK"),
}
FILES = {
    "png": [name for name in PICTURES if name != "cmyk"],
    "jpg": ["0 and 255", "grey between", "red", "cmyk"],
    "webp": ["white on clear black", "red"],
    "tif": ["0 and 255", "16 bits", "white on clear white", "voc"],
    "bmp": ["0 and 255", "1 bit", "voc"],
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_in_memory(name):
    assert np.array_equal(marked(PICTURES[name]), MASK)


@pytest.mark.parametrize(("ending", "name"), [(e, n) for e, names in FILES.items() for n in names])
def test_a_file_is_read_alike(tmp_path, ending, name):
    path = tmp_path / f"mask.{ending}"
    lossless = {"webp": {"lossless": True}, "jpg": {"subsampling": 0}}
    PICTURES[name].save(path, **lossless.get(ending, {}))
    assert np.array_equal(read_mask(path, SIZE), MASK)


@pytest.mark.parametrize(
    "array",
    [
        MASK,
        values(255),
        values(1),
        values(1, dtype=np.int64),
        values(1, dtype=np.int8),
        values(60000, 100, np.uint16),
        values(60000, 100, np.dtype(">u2")),
        values(255)[..., None],
        np.dstack([values(9), values(0), values(0)]),
        with_alpha(BLACK, WHITE),
        np.dstack([values(0), values(200)]),
    ],
)
def test_an_array_is_read_alike(array):
    assert np.array_equal(marked(array), MASK)


@pytest.mark.parametrize(
    ("picture", "seen"),
    [
        (np.zeros(SIZE, np.uint8), "every pixel is 0"),
        (np.zeros(SIZE, bool), "every pixel is 0"),
        (np.zeros((*SIZE, 4), np.uint8), "every pixel is transparent"),
        (values(90, 40), "values from 40 to 90, half of the range is 127"),
        (values(900, 40, np.uint16), "values from 40 to 900, half of the range is 32767"),
        (indexed(0, [BLACK]), "every pixel is 0"),
    ],
)
def test_an_empty_mask_says_what_was_seen(picture, seen):
    with pytest.raises(DataError, match=f"empty: {seen}"):
        marked(picture)


@pytest.mark.parametrize(
    "array",
    [
        values(1, dtype=np.float32),
        np.zeros((0, 3), bool),
        np.zeros((2, 2, 5), np.uint8),
        np.ones(3, bool),
        values(1, -1, np.int64),
        values(2**40, 5, np.int64),
    ],
)
def test_what_is_no_mask_is_refused(array):
    with pytest.raises(DataError, match="no mask"):
        marked(array)


def test_a_file_is_turned_upright_and_named(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    path = tmp_path / "mask.png"
    tall = np.zeros((20, 10), np.uint8)
    tall[:5] = 255
    Image.fromarray(np.rot90(tall)).save(path, exif=exif)
    assert np.array_equal(read_mask(path, (20, 10)), tall > 0)
    with pytest.raises(DataError, match=r"mask\.png: mask is 20x10, its picture 16x16"):
        read_mask(path, SIZE)
    Image.new("L", (16, 16)).save(path)
    with pytest.raises(DataError, match=r"mask\.png: empty: every pixel is 0"):
        read_mask(path, SIZE)


def test_a_layer_painted_all_over_in_black_is_painted():
    assert painted(Image.new("RGBA", (4, 4), (0, 0, 0, 255))).all()
    assert not painted(Image.new("RGBA", (4, 4))).any()
