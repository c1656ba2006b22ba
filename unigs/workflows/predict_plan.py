"""PredictionPlan the inputs and outputs of a prediction of files before anything is written.

No two predictions share a file, and none is written over a picture that was given, nor over a file
that no earlier prediction wrote.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np

from unigs.errors import ConfigError, DataError
from unigs.io.image_file import SUFFIXES, read_image
from unigs.io.mask_file import read_mask
from unigs.io.side_files import is_side_file
from unigs.tasks import Task
from unigs.workflows.predict_record import foreign

OUTPUTS = {
    "image": "image.png",
    "colormap": "colormap.png",
    "overlay": "overlay.png",
    "panoptic": "panoptic.json",
    "segments": "panoptic.png",
}
# Of a name in bytes, so that the longest ending and a temporary name fit 255.
_LONGEST = 200
# what the file systems of today take
_LONGEST_PART = 255


@dataclass(frozen=True, slots=True)
class PredictionFiles:
    """One prediction: `files` to read by kind (`image`, `coarse_mask`, `colormap`) and `outputs`
    to write by kind (the keys of `OUTPUTS`)."""

    name: str
    files: dict[str, Path]
    outputs: dict[str, Path]

    @property
    def picture(self) -> Path:
        """The image, or the colormap of a synthesis."""
        return self.files["image" if "image" in self.files else "colormap"]

    def read(self) -> dict[str, np.ndarray]:
        """Return the pictures as (h, w, 3) uint8, the mask as (h, w) bool, all upright.

        Raises:
            DataError: one does not read; it names the file.
        """
        pictures = {kind: read_image(file) for kind, file in self.files.items()
                    if kind != "coarse_mask"}  # fmt: skip
        if "coarse_mask" in self.files:
            size = pictures["image"].shape[:2]
            pictures["coarse_mask"] = read_mask(self.files["coarse_mask"], size)
        return pictures


@dataclass(frozen=True, slots=True)
class PredictionPlan:
    """The predictions to make, and the files of the folders that none is made of.

    Attributes:
        requests: in the order of the files' names.
        skipped: `file` and `reason`.
        of_folder: whether any source is a folder.
    """

    requests: list[PredictionFiles]
    skipped: list[dict[str, str]] = field(default_factory=list)
    of_folder: bool = False


def plan_predictions(task: Task, sources: Mapping[str, Path | None], out: Path) -> PredictionPlan:
    """Match the sources file by file and name the outputs.

    Folders are matched by the names of their files, first with, then without their endings; a
    single file serves every picture. A prediction is named after its picture, with the ending
    where two pictures differ in nothing else.

    Args:
        sources: `image`, `coarse_mask`, `colormap`: a file or folder each, or None.
        out: folder of the predictions.

    Raises:
        ConfigError: a source that the task needs is missing, or one is given that it does not
            take; an output would be written over a source, or over a file that is not an earlier
            prediction's.
        DataError: no such file, a folder without pictures.
    """
    given = {kind: Path(path) for kind, path in sources.items() if path is not None}
    main = "colormap" if task.control == "colormap" else "image"
    _check_kinds(task, main, given)
    for kind, path in given.items():
        # unlike Path.exists this takes any name for an answer
        if not os.path.exists(path):
            raise DataError("no such file or folder", file=path, hint=f"check {kind}")
    listings = {kind: _Listing(path) for kind, path in given.items() if path.is_dir()}
    if not listings:
        named = [(_shortened(given[main].stem), dict(given))]
        skipped: list[dict[str, str]] = []
    else:
        named, skipped = _matched(main, given, listings)
    requests = [
        PredictionFiles(name, files, {kind: out / f"{name}.{end}" for kind, end in OUTPUTS.items()})
        for name, files in named
    ]
    _check_outputs(requests, given.values(), listings.values(), out)
    return PredictionPlan(requests, skipped, bool(listings))


class _Listing:
    """The files of a folder: pictures by name, and the others. Hidden files are none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        files = sorted(path for path in folder.iterdir() if not is_side_file(path.name))
        self.pictures = [path for path in files if _is_picture(path)]
        self.others = [path for path in files if not _is_picture(path)]
        if not self.pictures:
            raise DataError("no pictures", file=folder, hint=f"give {', '.join(SUFFIXES)} files")
        self._by_name: defaultdict[str, list[Path]] = defaultdict(list)
        self._by_stem: defaultdict[str, list[Path]] = defaultdict(list)
        for path in self.pictures:
            self._by_name[_plain(path.name)].append(path)
            self._by_stem[_plain(path.stem)].append(path)

    def find(self, name: Path) -> list[Path]:
        """Return the pictures that a picture of another folder stands for: that of the same file
        name, else all of the same stem."""
        return self._by_name.get(_plain(name.name)) or self._by_stem.get(_plain(name.stem), [])


def _matched(
    main: str, given: Mapping[str, Path], listings: Mapping[str, _Listing]
) -> tuple[list[tuple[str, dict[str, Path]]], list[dict[str, str]]]:
    leader = main if main in listings else next(iter(listings))
    skipped = [
        {"file": str(path), "reason": "is a folder" if path.is_dir() else "not a picture"}
        for listing in listings.values()
        for path in listing.others
    ]
    found, used = [], set()
    for picture in listings[leader].pictures:
        files, reason = {leader: picture}, ""
        for kind in given:
            if kind == leader:
                continue
            if kind not in listings:
                files[kind] = given[kind]
                continue
            matches = listings[kind].find(picture)
            used.update(matches)
            if len(matches) == 1:
                files[kind] = matches[0]
            else:
                said = ", ".join(path.name for path in matches) or "none"
                reason = f"{given[kind]} has no single {kind} for {picture.name}: {said}"
        if reason:
            skipped.append({"file": str(picture), "reason": reason})
        else:
            found.append({kind: files[kind] for kind in given})
    for kind, listing in listings.items():
        skipped += [
            {"file": str(path), "reason": f"no {leader} of this name"}
            for path in listing.pictures
            if kind != leader and path not in used
        ]
    names = _names([files[leader] for files in found])
    return list(zip(names, found, strict=True)), skipped


def _names(pictures: list[Path]) -> list[str]:
    """Return one name per picture, distinct also where upper and lower case are one."""
    names = [_shortened(path.stem) for path in pictures]
    whole = [_shortened(path.name) for path in pictures]
    times = Counter(map(_folded, names))
    names = [
        long if times[_folded(name)] > 1 else name for name, long in zip(names, whole, strict=True)
    ]
    times, taken = Counter(map(_folded, names)), set(map(_folded, names))
    for index, name in enumerate(names):
        if times[_folded(name)] > 1:
            numbered = (f"{whole[index]}-{number}" for number in count(index + 1))
            names[index] = next(free for free in numbered if _folded(free) not in taken)
            taken.add(_folded(names[index]))
    return names


def _shortened(name: str) -> str:
    raw = name.encode("utf-8", "surrogateescape")
    if len(raw) <= _LONGEST:
        return name
    digest = hashlib.sha256(raw).hexdigest()[:12]
    return f"{raw[: _LONGEST - 13].decode('utf-8', 'ignore')}-{digest}"


def _check_kinds(task: Task, main: str, given: Mapping[str, Path]) -> None:
    if not given:
        raise DataError("no picture given", hint="give an image, or for synthesis a colormap")
    wanted = {main} | ({"coarse_mask"} if task.coarse == "sampled" else set())
    for kind in sorted(wanted - set(given), reverse=True):
        raise ConfigError(f"{kind}: missing", hint=f"{task.name} needs it")
    for kind in sorted(set(given) - wanted):
        raise ConfigError(f"{kind}: {task.name} does not take it", hint="leave it out")


def _check_outputs(
    requests: list[PredictionFiles],
    sources: Iterable[Path],
    listings: Iterable[_Listing],
    out: Path,
) -> None:
    if any(len(os.fsencode(part)) > _LONGEST_PART for part in out.parts):
        raise ConfigError("out: name is too long", file=out, hint="give another folder")
    there = next(place for place in (out, *out.parents, Path()) if os.path.lexists(place))
    if not there.is_dir():
        kind = "is a file" if there.exists() else "is no folder"
        raise ConfigError(f"out: {kind}", file=there, hint="give a folder")
    inputs = [path for path in sources if not path.is_dir()]
    for listing in listings:
        if out.exists() and out.samefile(listing.folder):
            raise ConfigError(
                "out: is the folder of the pictures", file=out, hint="give another folder"
            )
        inputs += [*listing.pictures, *listing.others]
    known = {_identity(path): path for path in inputs if path.exists()}
    for request in requests:
        for path in request.outputs.values():
            if path.exists() and _identity(path) in known:
                raise ConfigError(
                    f"out: {path.name} would be written over {known[_identity(path)]}",
                    file=out,
                    hint="give another folder",
                )
        panoptic = request.outputs["panoptic"]
        pictures = [path for path in request.outputs.values() if path != panoptic]
        for path in foreign(panoptic, pictures):
            raise ConfigError(
                f"out: {path.name} is there and was not written by a prediction",
                file=out,
                hint="move it away, or give another folder",
            )


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _is_picture(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(SUFFIXES)


def _plain(name: str) -> str:
    # one name for both ways to write an accent: macOS stores it apart from its letter
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return _plain(name).casefold()
