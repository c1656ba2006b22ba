"""A panoptic pair means the same to the reader of data sets and to the metrics."""

import json
import unicodedata

import numpy as np
import pytest
from PIL import Image

from tests.support.data.coco_case import SQUARE
from unigs.datasets import open_dataset
from unigs.errors import DataError
from unigs.io.annotations.text_encoding import encoding_of
from unigs.metrics.panoptic import panoptic_scores

COLORS = np.stack([SQUARE * 7, SQUARE * 2, SQUARE * 0], -1).astype(np.uint8)
NUMBER = 7 + 2 * 256


def write_pair(root, file="a.png", said="a.png", encoding="utf-8", mode="RGB", **changes):
    """A data set of one picture and one segment; `changes` are fields of the segment."""
    folder = root / "annotations" / "panoptic_val2017"
    (root / "val2017").mkdir(parents=True)
    Image.new("RGB", (64, 48)).save(root / "val2017" / "a.jpg")
    (folder / file).parent.mkdir(parents=True)
    image = Image.fromarray(COLORS).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray((SQUARE * 200).astype(np.uint8)))
    image.save(folder / file)
    segment = {"id": NUMBER, "category_id": 1, "iscrowd": 0} | changes
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
        "annotations": [{"image_id": 1, "file_name": said, "segments_info": [segment]}],
        "categories": [{"id": 1, "name": "cat", "isthing": 1}],
    }
    text = root / "annotations" / "panoptic_val2017.json"
    text.write_bytes(json.dumps(document, ensure_ascii=False).encode(encoding))
    return text, folder


FORMS = {
    "alpha": {"mode": "RGBA"},
    "id as text": {"id": str(NUMBER)},
    "id as float": {"id": float(NUMBER)},
    "crowd and class as text": {"iscrowd": "0", "category_id": "1"},
    "percent codes": {"file": "b ü.png", "said": "b%20%C3%BC.png"},
    "percent codes that are the name": {"file": "b%20.png", "said": "b%20.png"},
    "backslash": {"file": "below/a.png", "said": "below\\a.png"},
    "accents apart": {"file": unicodedata.normalize("NFD", "ü.png"), "said": "ü.png"},
    "accents composed": {"file": "ü.png", "said": unicodedata.normalize("NFD", "ü.png")},
    **{
        encoding: {"encoding": encoding}
        for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be")
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_by_both(tmp_path, form):
    text, folder = write_pair(tmp_path / "odd", **FORMS[form])
    (scene,) = open_dataset("coco_panoptic", tmp_path / "odd", "val")
    assert (scene.segments == SQUARE).all()
    assert [entity.source_id for entity in scene.entities] == [str(NUMBER)]
    plain = write_pair(tmp_path / "plain")
    assert panoptic_scores(*plain, text, folder)["pq_things"] == 1
    assert panoptic_scores(text, folder, *plain)["pq"] == 1


FAULTS = {
    "grey": {"mode": "L"},
    "palette": {"mode": "P"},
    "id 0": {"id": 0},
    "id of four bytes": {"id": str(1 << 24)},
    "id with a fraction": {"id": 7.5},
    "crowd 2": {"iscrowd": 2},
    "climbs out": {"said": "..\\panoptic_val2017\\a.png"},
    "climbs out by codes": {"said": "%2e%2e/panoptic_val2017/a.png"},
    "absolute": {"said": "/a.png"},
    "drive": {"said": "C:\\a.png"},
    "not there": {"said": "b.png"},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_one_refuses_the_other_refuses(tmp_path, fault):
    text, folder = write_pair(tmp_path / "odd", **FAULTS[fault])
    records = list(open_dataset("coco_panoptic", tmp_path / "odd", "val").scan())
    assert [hasattr(record, "reason") for record in records] == [True]
    with pytest.raises(DataError) as told:
        panoptic_scores(*write_pair(tmp_path / "plain"), text, folder)
    assert "odd" in str(told.value)


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"", "utf-8"),
        (b"{}", "utf-8"),
        (b"\0\0\0\0", "utf-8"),
        ("{}".encode("utf-16-le"), "utf-16-le"),
    ],
)
def test_short_files_have_an_encoding(tmp_path, data, encoding):
    (tmp_path / "file").write_bytes(data)
    assert encoding_of(data) == encoding_of(tmp_path / "file") == encoding
