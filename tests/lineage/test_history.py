"""A history tells each build once, those of replaced content too."""

import json
from pathlib import Path

from unigs.lineage.history import RECORD, history_file, note_build, read_history, references


def note(folder: Path, inputs: dict, digest: str, **metadata: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORD).write_text("{}")
    record = {"digest": digest, "fingerprint": json.dumps(inputs), "metadata": metadata}
    note_build(folder, inputs, record)


def builds(folder: Path) -> list:
    return read_history(folder.parents[1], history_file(folder))


def test_a_build_is_noted_once_and_stays_when_it_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "shapes-tiny" / "protocol"
    for _ in range(2):
        note(folder, {"seed": 0, "sizes": (1, 2)}, "a", loss=float("nan"))
    note(folder, {"seed": 1}, "b")
    assert len(history_file(folder).read_text().splitlines()) == 2
    first, second = builds(folder)
    assert (first.digest, first.inputs, first.current) == ("a", {"seed": 0, "sizes": [1, 2]}, False)
    assert (second.digest, second.inputs, second.current) == ("b", {"seed": 1}, True)
    assert (first.folder, first.run, first.stage, first.name) == (
        "shapes-tiny/protocol", "shapes-tiny", "protocol", "",
    )  # fmt: skip
    note(folder, {"seed": 0, "sizes": (1, 2)}, "a", loss=float("nan"))
    assert [(build.digest, build.current) for build in builds(folder)] == [
        ("a", True),
        ("b", False),
    ]


def test_each_registered_version_of_equal_content_is_a_build(tmp_path: Path) -> None:
    folder = tmp_path / "shapes-tiny" / "models" / "joint"
    for version in ("1", "2"):
        note(folder, {"unet": "w"}, "m", name="unigs", version=version)
    told = read_history(tmp_path, history_file(folder))
    assert [(build.version, build.current) for build in told] == [
        ("unigs/1", False),
        ("unigs/2", True),
    ]


def test_a_broken_line_hides_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "shapes-tiny" / "protocol"
    note(folder, {"seed": 0}, "a")
    file = history_file(folder)
    file.write_text(file.read_text() + '{"digest": \n[]\n')
    note(folder, {"seed": 1}, "b")
    assert [build.digest for build in builds(folder)] == ["a", "b"]


def test_bytes_that_are_no_text_spoil_their_line_alone(tmp_path: Path) -> None:
    folder = tmp_path / "shapes-tiny" / "protocol"
    note(folder, {"seed": 0}, "a")
    file = history_file(folder)
    line = json.loads(file.read_text())
    file.write_bytes(file.read_bytes() + b"\x00\xff junk\n")
    damages = [{"metadata": [1]}, {"metadata": {"version": 3}}, {"digest": ["x"]}]
    for damage in [*damages, {"fingerprint": {}}, {"time": 5}]:
        spoiled = json.dumps({**line, "digest": "c", **damage}).encode()
        file.write_bytes(file.read_bytes() + spoiled + b"\n")
    note(folder, {"seed": 1}, "b")
    assert [build.digest for build in builds(folder)] == ["a", "b"]


def test_references_are_all_texts_of_the_inputs() -> None:
    inputs = {"code": "c", "latents": {"entity": {"shapes": "d"}}, "n": 3, "all": ["e", ["f"]]}
    assert list(references(inputs)) == ["c", "d", "e", "f"]
