from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from resources.mlflow.served_model import ServedUniGS
from tests.support.models.tiny_pipeline import SIZE, mask, pictures
from unigs.errors import ConfigError
from unigs.evaluation import run
from unigs.io.device import this_device
from unigs.pipeline import UniGSPipeline


@pytest.fixture
def served(pipeline):
    model = ServedUniGS()
    model.pipeline = pipeline
    return model


@pytest.fixture
def record(tmp_path):
    """A photograph turned by EXIF, and strokes on a transparent layer as its mask."""
    exif = Image.Exif()
    exif[274] = 6
    turned = np.rot90(pictures(1)[0])
    Image.fromarray(turned).save(tmp_path / "photo.png", exif=exif)
    layer = np.dstack([np.full((SIZE, SIZE, 3), 255, np.uint8), mask().astype(np.uint8) * 255])
    Image.fromarray(layer).save(tmp_path / "mask.png")
    return {
        "task": "inpainting",
        "image": str(tmp_path / "photo.png"),
        "coarse_mask": str(tmp_path / "mask.png"),
        "names": ["dog"],
        "steps": 1,
        "seed": 3,
    }


def test_it_computes_where_and_in_the_precision_in_which_it_was_evaluated(monkeypatch):
    monkeypatch.setattr(UniGSPipeline, "from_pretrained", lambda folder: f"model of {folder}")
    monkeypatch.setattr(run, "on_device", lambda *given: given)
    model = ServedUniGS()
    model.load_context(SimpleNamespace(artifacts={"pipeline": "DIR"}))
    assert model.pipeline == ("model of DIR", this_device())


def test_a_device_that_fails_is_told_in_one_line(record):
    def fails(**given):
        raise RuntimeError("CUDA error: unspecified launch failure\nCompile with ...")

    model = ServedUniGS()
    model.pipeline = fails
    with pytest.raises(ConfigError, match=r"^record 0: the accelerator failed: CUDA error: uns"):
        model.predict([record])


def test_files_are_read_as_everywhere(served, record):
    arrays = record | {"image": pictures(1)[0], "coarse_mask": mask()}
    from_files, from_arrays = served.predict([record, arrays])
    assert np.array_equal(from_files["image"], from_arrays["image"])
    assert from_files["entities"] == from_arrays["entities"]


def test_what_a_table_leaves_empty_is_left_out(served, record):
    full, gaps = served.predict(
        [record | {"seed": 0}, record | {"seed": float("nan"), "prompt": None}]
    )
    assert np.array_equal(full["image"], gaps["image"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"seed": 99999999999999999999}, "seed"),
        ({"steps": 1.5}, "num_inference_steps 1.5"),
        ({"steps": 5000}, "num_inference_steps 5000"),
        ({"steps": "many"}, "num_inference_steps 'many'"),
        ({"task": None}, "task: missing"),
        ({"size": 3}, "size: unknown"),
        ({"image": None}, "image: missing"),
        ({"image": "nowhere.png"}, "nowhere.png"),
        ({"coarse_mask": "nowhere.png"}, "nowhere.png"),
    ],
)
def test_a_wrong_record_is_told_in_one_line(served, record, changes, reason):
    with pytest.raises(ConfigError, match=f"record 0: .*{reason}"):
        served.predict([record | changes])


def test_a_record_is_an_object(served):
    with pytest.raises(ConfigError, match="record 0: is str"):
        served.predict(["entity"])


def test_it_serves_from_the_device_of_the_process(monkeypatch):
    class Loaded:
        def to(self, device):
            self.device = device
            return self

    context = SimpleNamespace(artifacts={"pipeline": "folder"})
    monkeypatch.setattr(UniGSPipeline, "from_pretrained", lambda folder: Loaded())
    monkeypatch.setattr("unigs.io.device.this_device", lambda: torch.device("cuda", 2))
    model = ServedUniGS()
    model.load_context(context)
    assert model.pipeline.device == torch.device("cuda", 2)
