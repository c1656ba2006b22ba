"""Lines and masks of Open Images that are broken: each is refused alone."""

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.datasets.layouts import ANNOTATIONS, SIZE
from unigs.datasets.open_images.mask_files import MaskFiles
from unigs.errors import DataError


def edit_line(root: Path, number: int, change: Any) -> list[str]:
    """Change one line of the CSV of Open Images; return its fields as they were."""
    file = root / ANNOTATIONS["open_images"]
    lines = file.read_bytes().splitlines()
    before = lines[number].decode().split(",")
    lines[number] = change(lines[number])
    file.write_bytes(b"\n".join(lines) + b"\n")
    return before


LINES = {
    "too few fields": (lambda line: line.rpartition(b",")[0], "fields, the header"),
    "too many fields": (lambda line: line + b",1,2", "fields, the header"),
    "unknown label": (lambda line: line.replace(b"/m/", b"/x/"), "unknown label"),
    "mask not there": (lambda line: b"f" + line, "is in no folder or archive"),
    "mask climbs out": (lambda line: b"../" + line, "not a plain relative path"),
    "mask absolute": (lambda line: b"/etc/" + line, "not a plain relative path"),
    "mask empty": (lambda line: line[line.index(b",") :], "not a plain relative path"),
    "null byte": (lambda line: line.replace(b",", b"\0,", 1), ""),
    "not utf-8": (lambda line: b"\xff" + line, "is in no folder or archive"),
    "line twice": (lambda line: line + b"\n" + line, "given before"),
    "field without end": (lambda line: b"x" * 200_000 + line, ""),
}


@pytest.mark.parametrize("fault", LINES)
def test_line_of_open_images_is_refused_alone(benches, tmp_path, fault):
    change, reason = LINES[fault]
    bench = benches["open_images"]
    root = bench.copy(tmp_path)
    edit_line(root, 1, change)
    scenes, refused = bench.scan(root)
    key = next(iter(bench.scenes))
    bench.others(scenes, key)
    assert len(refused) == 1
    assert reason in refused[0].reason
    left = len(scenes[key].entities)
    assert left == len(bench.scenes[key].entities) - (fault != "line twice")


MASKS = {
    "zero bytes": (lambda file: file.write_bytes(b""), "file is empty"),
    "truncated": (lambda file: file.write_bytes(file.read_bytes()[:-30]), "does not decode"),
    "jpeg": (lambda file: Image.open(file).convert("L").save(file, "JPEG"), "expected PNG"),
    "of another shape": (
        lambda file: Image.new("1", (SIZE, SIZE * 2), 1).save(file),
        "not the same shape",
    ),
    "in colour": (lambda file: Image.open(file).convert("RGB").save(file), "several channels"),
    "of nothing": (lambda file: Image.new("1", (SIZE, SIZE)).save(file), "empty"),
    "missing": (lambda file: file.unlink(), "is in no folder or archive"),
}


@pytest.mark.parametrize("fault", MASKS)
def test_mask_of_open_images_is_refused_alone(benches, tmp_path, fault):
    change, reason = MASKS[fault]
    bench = benches["open_images"]
    root = bench.copy(tmp_path)
    name = edit_line(root, 1, lambda line: line)[0]
    change(root / "train-masks" / name)
    scenes, refused = bench.scan(root)
    key = next(iter(bench.scenes))
    bench.others(scenes, key)
    assert len(refused) == 1
    assert reason in refused[0].reason


def zipped(root: Path, corrupt: bool) -> None:
    """Move the masks into one archive for each first character."""
    for mask in sorted((root / "train-masks").iterdir()):
        with zipfile.ZipFile(root / f"train-masks-{mask.name[0]}.zip", "a") as archive:
            archive.write(mask, mask.name)
    shutil.rmtree(root / "train-masks")
    if corrupt:
        archive_file = root / "train-masks-1.zip"
        archive_file.write_bytes(archive_file.read_bytes()[:-40])


@pytest.mark.parametrize("corrupt", [False, True])
def test_masks_in_archives(benches, tmp_path, corrupt):
    bench = benches["open_images"]
    root = bench.copy(tmp_path)
    zipped(root, corrupt)
    scenes, refused = bench.scan(root)
    key = list(bench.scenes)[1] if corrupt else ""
    bench.others(scenes, key)
    assert bool(refused) == corrupt
    assert all("cannot be read" in i.reason or "no entity" in i.reason for i in refused)


def test_masks_in_sixteen_folders(benches, tmp_path):
    bench = benches["open_images"]
    root = bench.copy(tmp_path)
    for mask in sorted((root / "train-masks").iterdir()):
        folder = root / "train-masks" / f"train-masks-{mask.name[0]}"
        folder.mkdir(exist_ok=True)
        mask.rename(folder / mask.name)
    scenes, refused = bench.scan(root)
    bench.others(scenes, "")
    assert not refused


def test_member_that_goes_on_behind_the_end_of_its_archive_is_told(tmp_path):
    path = tmp_path / "train-masks-a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"x" * 100)
    data = bytearray(path.read_bytes())
    sizes = data.index(b"PK\1\2") + 20
    data[sizes : sizes + 8] = (1 << 20).to_bytes(4, "little") * 2
    path.write_bytes(data)
    # newer Pythons say "Overlapped entries" where older ones read on to the end
    reason = r"train-masks-a\.zip: a\.png cannot be read: (the archive|Overlapped)"
    with pytest.raises(DataError, match=reason):
        MaskFiles(tmp_path, "train").read("a.png")
