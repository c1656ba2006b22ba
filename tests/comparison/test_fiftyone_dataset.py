import base64
import io
import json
import zlib

import numpy as np
import pytest
from PIL import Image

from unigs.comparison import export
from unigs.comparison.evaluation import Evaluation
from unigs.comparison.export import export_task
from unigs.comparison.fiftyone_dataset import write_dataset
from unigs.metrics.bootstrap.per_image import PerImage

NAMES = ("m/good", "poor")


@pytest.fixture(scope="module")
def folder(folders, drawn, tmp_path_factory):
    """The export of both models."""
    place = tmp_path_factory.mktemp("exported") / "referring"
    sides = [Evaluation.read(one, name) for one, name in zip(folders, NAMES, strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "read_samples", lambda shards: iter(drawn))
        export_task(place, place, sides)
    return place


def read(path):
    return json.loads(path.read_text())


def mask(detection):
    """The pixels inside the box, as FiftyOne writes and reads them."""
    packed = detection["mask"]["$binary"]
    assert packed["subType"] == "00"
    return np.load(io.BytesIO(zlib.decompress(base64.b64decode(packed["base64"]))))


def painted(detections, shape):
    """The entities by label, each put where its box is."""
    height, width = shape
    found = np.zeros(shape, np.int32)
    for one in detections:
        x, y, w, h = (
            round(share * side)
            for share, side in zip(one["bounding_box"], (width, height) * 2, strict=True)
        )
        part = found[y : y + h, x : x + w]
        assert mask(one).shape == part.shape == (h, w)
        part[mask(one)] = one["index"]
    return found


def test_the_layout_is_that_of_a_fiftyone_dataset(folder, drawn):
    assert {"metadata.json", "samples.json", "data", "fields"} <= {p.name for p in folder.iterdir()}
    told, samples = read(folder / "metadata.json"), read(folder / "samples.json")
    assert samples.keys() == {"samples"}
    assert (told["media_type"], told["version"]) == ("image", "1.0.0")
    fields = {field["db_field"] for field in told["sample_fields"]}
    for sample, known in zip(samples["samples"], drawn, strict=True):
        assert set(sample) <= fields
        assert sample["filepath"] == f"data/{known.key}.png"
        assert (folder / sample["filepath"]).is_file()
        assert (sample["metadata"]["width"], sample["metadata"]["height"]) == (32, 32)
    ids = [sample["_id"]["$oid"] for sample in samples["samples"]]
    ids += [
        one["_id"]["$oid"]
        for sample in samples["samples"]
        for value in sample.values()
        if isinstance(value, dict) and value.get("_cls") == "Detections"
        for one in value["detections"]
    ]
    assert len(set(ids)) == len(ids)
    assert {len(one) for one in ids} == {24}


def test_entities_are_the_pixels_of_truth_and_predictions(folder, folders, drawn):
    side = Evaluation.read(folders[1], "poor")
    for sample, known in zip(read(folder / "samples.json")["samples"], drawn, strict=True):
        truth, found = sample["truth"]["detections"], sample["entities_poor"]["detections"]
        assert np.array_equal(painted(truth, known.segments.shape), known.segments)
        assert np.array_equal(painted(found, known.segments.shape), side.labels(known.key))
        named = {entity.id: entity.class_name for entity in known.entities}
        assert {one["index"]: one["label"] for one in truth} == named
        assert all("confidence" not in one for one in truth)
        assert {one["label"] for one in found} <= {"entity"}
        scores = {one["index"]: one["confidence"] for one in found}
        assert scores == {label: pytest.approx(0.9 - 0.1 * label) for label in scores}


def test_metrics_of_an_image_are_fields_of_each_model(folder):
    samples = read(folder / "samples.json")["samples"]
    assert [sample["miou_m_good"] for sample in samples] == [1] * len(samples)
    assert 0 <= min(sample["miou_poor"] for sample in samples) < 1


def test_generated_images_are_shown_in_place_of_the_photograph(folders, drawn, tmp_path):
    (tmp_path / "data").mkdir()
    key = drawn[0].key
    Image.fromarray(drawn[0].image).save(tmp_path / "data" / f"{key}.png")
    scores = PerImage.of({key: {"a.b": (1.0, 1.0)}})
    sides = [Evaluation.read(place, "same") for place in folders]
    (tmp_path / "evaluation" / "images").mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(tmp_path / "evaluation" / "images" / f"{key}.png")
    none = Evaluation("none", tmp_path / "evaluation", sides[0].values, scores, {key: f"{key}.png"})
    write_dataset(tmp_path, "data", [sides[0], none], ["same", "none"], [{}, {}], {key: {}})
    (sample,) = read(tmp_path / "samples.json")["samples"]
    assert sample["image_none"] == f"fields/image_none/{key}.png"
    assert (tmp_path / sample["image_none"]).is_file()
    assert "entities_none" not in sample
    app = read(tmp_path / "metadata.json")["app_config"]
    assert "image_none" in app["media_fields"]
    assert app["grid_media_field"] == "filepath"


def test_two_models_of_one_name_are_two_fields(sides, drawn, tmp_path):
    (tmp_path / "data").mkdir()
    for one in drawn:
        Image.fromarray(one.image).save(tmp_path / "data" / f"{one.key}.png")
    classes = {one.key: {} for one in drawn}
    write_dataset(tmp_path, "data", sides, ["a-b", "a/b"], [{}, {}], classes)
    sample = read(tmp_path / "samples.json")["samples"][0]
    assert {"entities_1_a_b", "entities_2_a_b"} <= sample.keys()


def test_fiftyone_imports_it(folder, drawn):
    """Where FiftyOne and a database of its own are installed."""
    fo = pytest.importorskip("fiftyone", reason="fiftyone is not installed")
    try:
        dataset = fo.Dataset.from_dir(
            dataset_dir=str(folder), dataset_type=fo.types.FiftyOneDataset
        )
    except fo.core.config.FiftyOneConfigError as error:
        pytest.skip(f"no database of FiftyOne's: {error}")
    try:
        assert len(dataset) == len(drawn)
        for known in drawn:
            sample = dataset.one(fo.ViewField("key") == known.key)
            assert sample.filepath == str(folder / "data" / f"{known.key}.png")
            found = {one.index: (one.label, int(one.mask.sum())) for one in sample.truth.detections}
            assert found == {e.id: (e.class_name, e.area) for e in known.entities}
            assert sample["miou_m_good"] == 1
            assert sample["entities_poor"].detections[0].confidence is not None
    finally:
        dataset.delete()
