"""Image files that are broken or unusual, in every layout."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.datasets.faults import Bench
from tests.datasets.layouts import IMAGES, SIZE, WRITERS


@pytest.fixture(params=list(WRITERS))
def bench(request, benches):
    return benches[request.param]


def damaged(bench: Bench, folder: Path) -> tuple[Path, Path, str]:
    """A copy, the image of it to damage, and its key."""
    root = bench.copy(folder)
    image = root / IMAGES[bench.name]
    key = next(key for key, s in bench.scenes.items() if s.image_file.name == image.name)
    return root, image, key


def loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def folder_instead(file: Path) -> None:
    file.unlink()
    file.mkdir()


def bomb() -> bytes:
    """A PNG of a few bytes that says it is 60,000 pixels high and wide."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def encoded(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


REFUSED = {
    "missing": (lambda file: file.unlink(), "No such file"),
    "zero bytes": (lambda file: file.write_bytes(b""), "file is empty"),
    "truncated": (lambda file: file.write_bytes(file.read_bytes()[:-200]), "does not decode"),
    "header alone": (lambda file: file.write_bytes(file.read_bytes()[:20]), "not a readable"),
    "text": (lambda file: file.write_text("<html>404</html>"), "not a readable"),
    "gif": (
        lambda file: file.write_bytes(encoded(Image.new("P", (SIZE, SIZE)), "GIF")),
        "not a readable",
    ),
    "float": (
        lambda file: file.write_bytes(encoded(Image.new("F", (SIZE, SIZE)), "TIFF")),
        "floating-point",
    ),
    "bomb": (lambda file: file.write_bytes(bomb()), "decompression bomb"),
    "symlink loop": (loop, "cannot be read"),
    "folder": (folder_instead, "cannot be read"),
    "of another size": (
        lambda file: file.write_bytes(encoded(Image.new("RGB", (SIZE, SIZE + 9)), "JPEG")),
        "",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_broken_image_is_refused_alone(bench, tmp_path, fault):
    damage, reason = REFUSED[fault]
    root, file, key = damaged(bench, tmp_path)
    damage(file)
    scenes, refused = bench.scan(root)
    assert key not in scenes
    bench.others(scenes, key)
    assert any(reason in item.reason for item in refused)
    assert any(Path(item.file).name.startswith(file.stem) for item in refused) or all(
        file.stem in item.record for item in refused
    )


CONVERTED = {
    "cmyk": lambda file: Image.open(file).convert("CMYK").save(file),
    "grey": lambda file: Image.open(file).convert("L").save(file),
    "png with alpha": lambda file: file.write_bytes(
        encoded(Image.open(file).convert("RGBA"), "PNG")
    ),
    "palette": lambda file: file.write_bytes(encoded(Image.open(file).quantize(256), "PNG")),
    "sixteen bits": lambda file: file.write_bytes(
        encoded(
            Image.fromarray(np.asarray(Image.open(file).convert("L")).astype(np.uint16) * 257),
            "PNG",
        )
    ),
    "progressive": lambda file: Image.open(file).save(file, progressive=True, quality=95),
}


@pytest.mark.parametrize("kind", CONVERTED)
def test_unusual_image_is_read_as_rgb_of_its_stored_pixels(bench, tmp_path, kind):
    root, file, key = damaged(bench, tmp_path)
    CONVERTED[kind](file)
    scenes, refused = bench.scan(root)
    bench.others(scenes, key)
    assert not refused
    before, after = bench.scenes[key], scenes[key]
    assert np.array_equal(before.segments, after.segments)
    assert before.image_digest != after.image_digest
    grey = [
        scene.image().astype(float).mean(axis=2)
        if kind in ("grey", "sixteen bits")
        else scene.image()
        for scene in (before, after)
    ]
    assert after.image().dtype == np.uint8
    assert after.image().shape == (SIZE, SIZE, 3)
    assert np.abs(grey[0].astype(float) - grey[1].astype(float)).mean() < 20


def test_image_that_nothing_refers_to_is_told(bench, tmp_path):
    root, file, _ = damaged(bench, tmp_path)
    file.with_name("stray.jpg").write_bytes(file.read_bytes())
    scenes, refused = bench.scan(root)
    bench.others(scenes, "")
    assert [Path(item.file).stem for item in refused] == ["stray"]


def test_stray_name_that_is_not_utf8_is_told(bench, tmp_path):
    root, file, _ = damaged(bench, tmp_path)
    stray = os.fsencode(file.parent) + b"/\xff\xfe.jpg"
    with open(stray, "wb") as handle:
        handle.write(file.read_bytes())
    scenes, refused = bench.scan(root)
    bench.others(scenes, "")
    assert len(refused) == 1
    (refused[0].file + refused[0].record + refused[0].reason).encode()
