import os

import numpy as np
import pytest
from PIL import Image

from tests.support.tiny_pipeline import SIZE, pictures, tiny_pipeline
from unigs.errors import ConfigError
from unigs.io.image_file import read_image
from unigs.pipeline.initial_noise import seeded_generator
from unigs.workflows.demo import build_demo, newest_model, predict, strokes_of


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline(size=SIZE)


def editor(*strokes):
    """What gradio's image editor gives: background and transparent layers painted on."""
    layers = []
    for box in strokes:
        layer = Image.new("RGBA", (SIZE, SIZE))
        layer.paste((255, 0, 0, 200), box)
        layers.append(layer)
    return {"background": Image.fromarray(pictures(1)[0]), "layers": layers, "composite": None}


def test_strokes_of_all_layers_make_the_mask():
    mask = strokes_of(editor((2, 4, 10, 8), (20, 20, 30, 24)))
    expected = np.zeros((SIZE, SIZE), bool)
    expected[4:8, 2:10] = expected[20:24, 20:30] = True
    assert np.array_equal(mask, expected)
    assert strokes_of(editor()) is None


@pytest.mark.parametrize("task", ["inpainting", "synthesis", "referring", "entity"])
def test_the_page_predicts_every_task(pipeline, task):
    page = editor((4, 4, 24, 24))
    image, colormap, overlay, rows = predict(pipeline, task, page, "dog", 1, 0, 0, True)
    assert image.size == colormap.size == overlay.size == (SIZE, SIZE)
    assert all(len(row) == 8 for row in rows)
    if task == "inpainting":
        assert np.array_equal(np.asarray(image)[:4], pictures(1)[0][:4])


def test_what_is_missing_is_told(pipeline):
    with pytest.raises(ConfigError, match="coarse_mask"):
        predict(pipeline, "referring", editor(), "dog", 1, 0, 0, False)
    with pytest.raises(ConfigError, match="names"):
        predict(pipeline, "synthesis", editor(), "", 1, 0, 0, False)
    with pytest.raises(ConfigError, match="no picture"):
        predict(pipeline, "entity", None, "", 1, 0, 0, False)


def test_the_page_is_built_without_telemetry(pipeline):
    pytest.importorskip("gradio")
    assert build_demo(pipeline).analytics_enabled is False


def test_newest_joint_model_of_a_store(tmp_path):
    with pytest.raises(ConfigError, match="unigs run"):
        newest_model(tmp_path)
    for age, name in enumerate((".joint.building", "joint", "old/models/joint", "entity")):
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        file = folder / "model_index.json"
        file.write_text("{}")
        os.utime(file, (1000 - age, 1000 - age))
    assert newest_model(tmp_path) == tmp_path / "models" / "joint"


def test_a_16_bit_picture_is_seen_as_the_command_sees_it(pipeline, tmp_path):
    gradio = pytest.importorskip("gradio")
    from gradio.components.image_editor import EditorData
    from gradio.data_classes import FileData

    grey = np.arange(SIZE * SIZE, dtype=np.uint16).reshape(SIZE, SIZE) * 60
    path = tmp_path / "deep.png"
    Image.fromarray(grey).save(path)
    (component,) = (
        block for block in build_demo(pipeline).blocks.values()
        if isinstance(block, gradio.ImageEditor)
    )  # fmt: skip
    file = FileData(path=str(path), orig_name="deep.png")
    value = component.preprocess(EditorData(background=file, layers=[], composite=None))
    image, _, _, _ = predict(pipeline, "entity", value, "", 1, 0, 0, False)
    direct = pipeline(
        task="entity",
        image=read_image(path),
        num_inference_steps=1,
        generator=seeded_generator(0),
    )
    assert np.array_equal(np.asarray(image), np.asarray(direct.images[0]))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ((1, 0, None), "seed: empty"),
        ((1, 0, 1e30), "seed"),
        ((1.5, 0, 0), "num_inference_steps 1.5"),
        ((5000, 0, 0), "num_inference_steps 5000"),
    ],
)
def test_a_field_without_a_usable_number_is_told(pipeline, fields, reason):
    with pytest.raises(ConfigError, match=reason):
        predict(pipeline, "entity", editor(), "", *fields, False)


def test_emptied_fields_are_the_models_own(pipeline):
    emptied = predict(pipeline, "entity", editor(), None, None, None, 0, False)
    own = predict(pipeline, "entity", editor(), "", 0, 0, 0, False)
    assert np.array_equal(np.asarray(emptied[0]), np.asarray(own[0]))
