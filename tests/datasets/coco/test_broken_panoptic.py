"""Panoptic annotations with broken records: the image is refused, the rest is as it was."""

import math
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.datasets.faults import at, drop, edit, repeat
from tests.datasets.layouts import SIZE

PNG = "annotations/panoptic_train2017/000000000002.png"

# image 1 (the second) is the one that breaks
SEGMENTS = ("annotations", 1, "segments_info")
PANOPTIC = {
    "unknown category": (at(*SEGMENTS, 0, "category_id", 999), "unknown category id 999"),
    "category that is no number": (at(*SEGMENTS, 0, "category_id", "sky"), "category id sky"),
    "category null": (at(*SEGMENTS, 0, "category_id", None), "a number or a text, is null"),
    "crowd or not": (at(*SEGMENTS, 0, "iscrowd", 2), "should be 0 or 1, is 2"),
    "category missing": (drop(*SEGMENTS, 0, "category_id"), "is missing"),
    "nan box": (at(*SEGMENTS, 0, "bbox", [0, 0, math.nan, 1]), "not four finite numbers"),
    "short box": (at(*SEGMENTS, 0, "bbox", [0, 0]), "not four finite numbers"),
    "id not in the png": (at(*SEGMENTS, 0, "id", 1), "no"),
    "id not in the json": (drop(*SEGMENTS, 0), "is not listed"),
    "id twice": (repeat(*SEGMENTS), "listed twice"),
    "id zero": (at(*SEGMENTS, 0, "id", 0), "not in 1.."),
    "id too large": (at(*SEGMENTS, 0, "id", 2**24), "not in 1.."),
    "id of a thousand digits": (at(*SEGMENTS, 0, "id", 10**1000), "not in 1.."),
    "id true": (at(*SEGMENTS, 0, "id", True), "should be int"),
    "segment that is a number": (at(*SEGMENTS, 0, 5), "expected an object"),
    "segments no list": (at(*SEGMENTS, {}), "should be list"),
    "no segment": (at(*SEGMENTS, []), "no entity"),
    "all crowd": (
        lambda d: [s.update(iscrowd=1) for s in d["annotations"][1]["segments_info"]],
        "no entity",
    ),
    "no annotation": (drop("annotations", 1), "has 0 annotations"),
    "two annotations": (repeat("annotations"), "has 2 annotations"),
    "annotation that is null": (at("annotations", 1, None), "expected an object"),
    "png climbs out": (at("annotations", 1, "file_name", "../x.png"), "not a plain relative path"),
    "png absolute": (at("annotations", 1, "file_name", "/etc/passwd"), "not a plain relative path"),
    "png not there": (at("annotations", 1, "file_name", "x.png"), "cannot be read"),
    "image climbs out": (at("images", 1, "file_name", "a/../../b.jpg"), "not a plain relative"),
    "image name of a null byte": (at("images", 1, "file_name", "a\0.jpg"), "not a plain relative"),
    "image name of half a pair": (at("images", 1, "file_name", "\ud800.jpg"), "not UTF-8"),
    "image name empty": (at("images", 1, "file_name", ""), "not a plain relative path"),
    "image name missing": (drop("images", 1, "file_name"), "is missing"),
    "image name a number": (at("images", 1, "file_name", 2), "should be str"),
    "image name used before": (at("images", 1, "file_name", "000000000001.jpg"), "file name of an"),
    "image id used before": (at("images", 1, "id", 1), "id of an image before"),
    "image id of another": (at("images", 1, "id", -2), "not listed"),
    "image id nan": (at("images", 1, "id", math.nan), "should be a number or a text"),
    "image id true": (at("images", 1, "id", True), "is a truth value"),
    "image id null": (at("images", 1, "id", None), "is null"),
    "image not listed": (drop("images", 1), "not listed"),
    "image of another size": (at("images", 1, "height", SIZE + 1), "the annotation says"),
    "image of half another size": (
        lambda d: d["images"][1].update(width=None, height=SIZE + 1),
        f"the annotation says {SIZE + 1}x?",
    ),
}


@pytest.mark.parametrize("fault", PANOPTIC)
def test_panoptic_image_is_refused_alone(benches, tmp_path, fault):
    change, reason = PANOPTIC[fault]
    bench = benches["shapes"]
    root = bench.copy(tmp_path)
    edit(root, "shapes", change)
    scenes, refused = bench.scan(root)
    assert "000000000002" not in scenes
    bench.others(scenes, "000000000002")
    assert any(reason in item.reason for item in refused), refused


def relabel(root: Path, change: Any) -> None:
    file = root / PNG
    change(np.array(Image.open(file)), file)


def sixteen_bits(colors: np.ndarray, file: Path) -> None:
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in colors)
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
    )


LABEL_IMAGES = {
    "missing": (lambda c, f: f.unlink(), "cannot be read"),
    "empty": (lambda c, f: f.write_bytes(b""), "file is empty"),
    "truncated": (lambda c, f: f.write_bytes(f.read_bytes()[:-60]), "does not decode"),
    "one byte flipped": (
        lambda c, f: f.write_bytes(f.read_bytes()[:70] + b"\0" + f.read_bytes()[71:]),
        "",
    ),
    "another size": (lambda c, f: Image.fromarray(c[:-1]).save(f), "label image is 31x32"),
    "turned": (lambda c, f: Image.fromarray(c[:, :-2]).save(f), "label image is 32x30"),
    "grey": (lambda c, f: Image.fromarray(c[..., 0]).save(f), "not an 8-bit RGB PNG"),
    "sixteen bits": (sixteen_bits, "not an 8-bit RGB PNG"),
    "jpeg": (lambda c, f: Image.fromarray(c).save(f, "JPEG"), "expected PNG"),
    "all unlabelled": (lambda c, f: Image.fromarray(c * 0).save(f), "has no pixel"),
    "one stray pixel": (
        lambda c, f: Image.fromarray(np.where(np.eye(SIZE)[..., None] > 0, 9, c).astype("u1")).save(
            f
        ),
        "is not listed",
    ),
}


@pytest.mark.parametrize("fault", LABEL_IMAGES)
def test_panoptic_png_is_refused_alone(benches, tmp_path, fault):
    change, reason = LABEL_IMAGES[fault]
    bench = benches["shapes"]
    root = bench.copy(tmp_path)
    relabel(root, change)
    scenes, refused = bench.scan(root)
    bench.others(scenes, "000000000002")
    assert "000000000002" not in scenes
    assert len(refused) == 1
    assert reason in refused[0].reason


def test_broken_category_takes_only_the_images_that_use_it(benches, tmp_path):
    bench = benches["shapes"]
    for change in (at("categories", 0, "id", None), at("categories", 0, "name", [])):
        root = bench.copy(tmp_path)
        edit(root, "shapes", change)
        scenes, refused = bench.scan(root)
        with_ball = {
            key
            for key, scene in bench.scenes.items()
            if any(entity.class_id == 1 for entity in (*scene.entities, *scene.crowd))
        }
        assert set(scenes) == set(bench.scenes) - with_ball
        assert refused[0].record == "categories[0]"
        shutil.rmtree(root)
