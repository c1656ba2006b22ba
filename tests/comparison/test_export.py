import json
import shutil

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from unigs.comparison import export
from unigs.comparison.evaluation import Evaluation
from unigs.comparison.export import export_models, export_task, folder_names
from unigs.errors import ConfigError, DataError
from unigs.io.annotations.segment_ids import read_segments


@pytest.fixture(scope="module")
def exported(folders, drawn, tmp_path_factory):
    """Both models' referring task; the second model's images are numbered the other way round."""
    base = tmp_path_factory.mktemp("exported")
    turned = renumbered(folders[1], base / "turned" / "referring")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "read_samples", lambda shards: iter(drawn))
        names = ("m/good", "poor")
        written = export_models(
            base / "out", {"referring": folders[0]}, {"referring": turned}, names, base
        )
    assert written["referring"].folder == base / "out" / "referring"
    return written["referring"]


def renumbered(source, folder):
    """A copy of an evaluation whose images have other numbers."""
    shutil.copytree(source, folder)
    for name in ("truth", "truth_panoptic", "panoptic", "results"):
        content = json.loads((folder / f"{name}.json").read_text())
        records = content if name == "results" else content["annotations"]
        for record in records:
            record["image_id"] = 100 - record["image_id"]
        for image in [] if name == "results" else content["images"]:
            image["id"] = 100 - image["id"]
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def read(path):
    return json.loads(path.read_text())


def precision(folder, model):
    truth = COCO(str(folder / "labels.json"))
    found = truth.loadRes(str(folder / "predictions" / model / "results.json"))
    evaluated = COCOeval(truth, found, "segm")
    evaluated.evaluate()
    evaluated.accumulate()
    evaluated.summarize()
    return evaluated.stats[0]


def test_pycocotools_reads_truth_and_results(exported, drawn):
    assert (exported.images, exported.entities) == (
        len(drawn),
        sum(len(sample.entities) for sample in drawn),
    )
    assert precision(exported.folder, "m-good") == pytest.approx(1.0)
    # images are those of the truth, whatever the evaluation called them
    assert 0.05 < precision(exported.folder, "poor") < 1.0


def test_it_has_the_layout_of_fiftyones_coco_detection_dataset(exported, drawn):
    labels = read(exported.folder / "labels.json")
    assert labels.keys() == {"info", "licenses", "images", "categories", "annotations"}
    files = {path.name for path in (exported.folder / "data").iterdir()}
    assert {image["file_name"] for image in labels["images"]} == files
    for image, sample in zip(labels["images"], drawn, strict=True):
        pixels = np.asarray(Image.open(exported.folder / "data" / image["file_name"]))
        assert np.array_equal(pixels, sample.image)
        assert (image["height"], image["width"]) == pixels.shape[:2]
    known = {category["id"] for category in labels["categories"]}
    results = read(exported.folder / "predictions" / "poor" / "results.json")
    for record in (*labels["annotations"], *results):
        assert record["category_id"] in known
        assert len(record["bbox"]) == 4
        assert record["segmentation"].keys() == {"size", "counts"}
    assert all(0 <= result["score"] <= 1 for result in results)


def test_fiftyone_reads_it(exported, drawn):
    """By its importer, which needs no database."""
    coco = pytest.importorskip("fiftyone.utils.coco", reason="fiftyone is not installed")
    importer = coco.COCODetectionDatasetImporter(
        dataset_dir=str(exported.folder), label_types=["segmentations"], extra_attrs=True
    )
    with importer:
        found = {path: labels.detections for path, _, labels in importer}
    assert len(found) == len(drawn)
    for sample in drawn:
        told = found[str(exported.folder / "data" / f"{sample.key}.png")]
        entities = sorted(sample.entities, key=lambda entity: entity.id)
        assert [(one["class_name"], one.mask.sum()) for one in told] == [
            (entity.class_name, entity.area) for entity in entities
        ]
    (first, *_) = read(exported.folder / "predictions" / "poor" / "results.json")
    read_as = coco.COCOObject.from_anno_dict(first).to_detection((32, 32), load_segmentation=True)
    assert (read_as.confidence, read_as.mask.sum()) == (first["score"], first["area"])


def test_classes_are_those_of_the_entities(exported, drawn):
    labels = read(exported.folder / "labels.json")
    found = {}
    for annotation in labels["annotations"]:
        found.setdefault(annotation["image_id"], []).append(annotation)
    by_key = {image["key"]: found[image["id"]] for image in labels["images"]}
    for sample in drawn:
        told = [(one["class_name"], one["area"]) for one in by_key[sample.key]]
        assert told == [(e.class_name, e.area) for e in sorted(sample.entities, key=lambda e: e.id)]


def test_the_panoptic_pairs_are_whole(exported, drawn):
    for place in (exported.folder, exported.folder / "predictions" / "poor"):
        content = read(place / "panoptic.json")
        images = {image["id"]: image for image in content["images"]}
        assert len(content["annotations"]) == len(images) == len(drawn)
        for record in content["annotations"]:
            assert images[record["image_id"]]["file_name"] == record["file_name"]
            path = place / "panoptic" / record["file_name"]
            ids = np.unique(read_segments(path.read_bytes(), path))
            assert {s["id"] for s in record["segments_info"]} == set(ids.tolist()) - {0}
    truth = read(exported.folder / "panoptic.json")["annotations"][0]["segments_info"][0]
    assert truth["class_name"]


def test_what_does_not_fit_is_told(sides, folders, drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "read_samples", lambda shards: iter(drawn[1:]))
    with pytest.raises(DataError, match=f"1 of {len(drawn)} evaluated samples .* 0000 the first"):
        export_task(tmp_path / "a", tmp_path, sides)
    monkeypatch.setattr(export, "read_samples", lambda shards: iter(drawn))
    other = renumbered(folders[1], tmp_path / "other")
    content = read(other / "truth_panoptic.json")
    content["images"] = content["images"][:-1]
    (other / "truth_panoptic.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="1 samples were evaluated for one model alone, 0005"):
        export_task(tmp_path / "b", tmp_path, [sides[0], Evaluation.read(other, "other")])
    lost = Evaluation.read(renumbered(folders[1], tmp_path / "lost"), "lost")
    (lost.folder / "results.json").unlink()
    with pytest.raises(DataError, match="no evaluation"):
        export_task(tmp_path / "c", tmp_path, [lost])
    places = {"": folders[0]}, {"": folders[1]}
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with pytest.raises(ConfigError, match="is not empty"):
        export_models(tmp_path / "full", *places, ("a", "b"), tmp_path)


def test_the_command_exports_and_says_where(folders, drawn, tmp_path, monkeypatch):
    from tests.comparison.test_command import run
    from unigs.comparison import inputs

    for module in (export, inputs):
        monkeypatch.setattr(module, "read_samples", lambda shards: iter(drawn))
    page, out = tmp_path / "page.html", tmp_path / "exported"
    given = (*folders, "--out", page, "--names", "new,old", "--export", out)
    with pytest.raises(ConfigError, match="--export needs --shards"):
        run(*given)
    result = run(*given, "--shards", tmp_path)
    assert result.stdout.splitlines()[-1].startswith(f"export of referring: {out / 'referring'} (6")
    assert (out / "referring" / "predictions" / "new" / "results.json").is_file()


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (["a", "b"], ["a", "b"]),
        (["unigs-x/1", "unigs-x/2"], ["unigs-x-1", "unigs-x-2"]),
        (["a/b", "a-b"], ["1-a-b", "2-a-b"]),
        (["..", "../../c"], ["model", "-..-c"]),
    ],
)
def test_no_name_of_a_model_leads_elsewhere_or_to_another(names, folders):
    assert folder_names(names) == folders
