"""Images of ADE20K with broken files: each is refused alone."""

from pathlib import Path

import pytest
from PIL import Image

from tests.datasets.layouts import ANNOTATIONS, SIZE


def ade_files(root: Path) -> tuple[Path, Path]:
    file = root / ANNOTATIONS["ade20k"]
    return file, file.with_name(f"{file.stem}_seg.png")


ADE = {
    "json missing": (lambda j, p: j.unlink(), "cannot be read"),
    "json empty": (lambda j, p: j.write_text(""), "file is empty"),
    "json cut off": (lambda j, p: j.write_text(j.read_text()[:-9]), "not the JSON expected"),
    "json a list": (lambda j, p: j.write_text("[]"), "expected an object"),
    "json without objects": (lambda j, p: j.write_text('{"annotation": {}}'), "is missing"),
    "objects null": (lambda j, p: j.write_text('{"annotation": {"object": [null]}}'), "object"),
    "class not in the json": (
        lambda j, p: j.write_text('{"annotation": {"object": []}}'),
        "is not in the JSON",
    ),
    "png missing": (lambda j, p: p.unlink(), "cannot be read"),
    "png truncated": (lambda j, p: p.write_bytes(p.read_bytes()[:-60]), "does not decode"),
    "png of another size": (
        lambda j, p: Image.open(p).resize((SIZE, SIZE + 1), 0).save(p),
        "label image is 33x32",
    ),
    "png grey": (lambda j, p: Image.open(p).convert("L").save(p), "not an 8-bit RGB PNG"),
    "nothing labelled": (lambda j, p: Image.new("RGB", (SIZE, SIZE)).save(p), "no entity"),
}


@pytest.mark.parametrize("fault", ADE)
def test_image_of_ade20k_is_refused_alone(benches, tmp_path, fault):
    change, reason = ADE[fault]
    bench = benches["ade20k"]
    root = bench.copy(tmp_path)
    change(*ade_files(root))
    scenes, refused = bench.scan(root)
    key = list(bench.scenes)[1]
    bench.others(scenes, key)
    assert key not in scenes
    assert len(refused) == 1
    assert reason in refused[0].reason


def test_ade20k_json_in_latin1_is_read(benches, tmp_path):
    bench = benches["ade20k"]
    root = bench.copy(tmp_path)
    file, _ = ade_files(root)
    file.write_bytes(file.read_bytes().replace(b"drawn", b"dess\xedn"))
    scenes, refused = bench.scan(root)
    assert set(scenes) == set(bench.scenes)
    assert not refused
