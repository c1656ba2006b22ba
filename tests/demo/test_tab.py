"""The handlers behind the page: each fault is a sentence, never an exception."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.support.models.tiny_pipeline import SIZE, pictures, tiny_pipeline
from unigs.colormap import Palette
from unigs.tasks import TASKS

pytest.importorskip("gradio")

from unigs.demo import inputs, tab
from unigs.demo.answer import TabInput, answer
from unigs.demo.canvas import coarse_mask
from unigs.demo.colormap_editor import Drawn, drawn
from unigs.demo.page import build_page, warm_up


@pytest.fixture(scope="module")
def model():
    return tiny_pipeline(size=SIZE)


@pytest.fixture(scope="module")
def page(model, tmp_path_factory):
    card = tmp_path_factory.mktemp("model")
    (card / "README.md").write_text("---\nlicense: apache-2.0\n---\n\n# The card\n")
    return build_page(model, "tiny/3, champion", card, card)


def test_the_first_visitor_does_not_wait(tmp_path):
    for task in TASKS:
        warm_up(tiny_pipeline(size=SIZE, tasks=[task]), tmp_path)


def texts(page):
    return [str(block.value) for block in page.blocks.values() if hasattr(block, "value")]


def test_the_page_names_the_model_its_classes_and_its_card(page):
    said = "\n".join(texts(page))
    assert "tiny/3, champion" in said
    assert "cat, dog" in said
    assert "# The card" in said
    assert "license:" not in said
    assert page.analytics_enabled is False


def test_runs_wait_for_each_other(page):
    """All tabs share one pipeline, whose scheduler holds the steps of the run."""
    runs = [f for f in page.fns.values() if f.concurrency_id == "model"]
    assert len(runs) == len(TASKS)
    assert {run.concurrency_limit for run in runs} == {1}


def test_a_tab_for_each_task_of_the_model(page, tmp_path):
    import gradio as gr

    labels = [one.label for one in page.blocks.values() if isinstance(one, gr.Tab)]
    assert labels == list(TASKS)
    one = tiny_pipeline(size=SIZE, tasks=["entity"])
    small = build_page(one, "entity", tmp_path, tmp_path)
    assert [b.label for b in small.blocks.values() if isinstance(b, gr.Tab)] == ["entity"]


def test_a_broken_upload_is_a_sentence_and_empties_the_canvas_but_no_drawing(model, tmp_path):
    import gradio as gr

    palette = Palette.from_name(model.config["palette"])
    file = tmp_path / "letter.png"
    file.write_text("Dear model")
    for task, left in (("entity", None), ("synthesis", gr.skip())):
        *emptied, status = inputs.loader(TASKS[task], palette)(str(file))
        assert emptied == [None, left, left, left]
        assert status.startswith("**Letter.png: not a readable")
    Image.fromarray(pictures(1)[0]).save(file)
    stays, picture, canvas, drawing, status = inputs.loader(TASKS["entity"], palette)(str(file))
    assert stays is drawing is None
    assert np.array_equal(picture, pictures(1)[0])
    assert canvas.width == 640
    *_, canvas, _, _ = inputs.loader(TASKS["referring"], palette)(str(file))
    assert canvas["background"].width == 640
    assert status == f"letter.png: {SIZE}x{SIZE} pixels are worked on."
    _, picture, editor, _, _ = inputs.loader(TASKS["synthesis"], palette)(str(file))
    assert drawn(editor).labels.shape == picture.shape[:2]


def run(model, task, folder, picture=None, layers=(), names="dog", seed=0):
    function = tab.runner(model, TASKS[task], folder)
    canvas = {"layers": list(layers)}
    *_, last = function(picture, canvas, names, 1, 0, seed, "", True, False, print)
    return last


def test_the_button_never_raises(model, tmp_path, monkeypatch, caplog):
    status, *others = run(model, "entity", tmp_path)
    assert status == "**No picture (load one, paste one or take an example).**"
    assert len(others) == 7
    monkeypatch.setattr(tab, "answer", lambda *given: 1 / 0)
    status, *_ = run(model, "entity", tmp_path, pictures(1)[0])
    assert "Something went wrong" in status
    assert "ZeroDivisionError" in caplog.text


def test_the_button_answers(model, tmp_path):
    status, found, chosen, overlay, *_ = run(model, "entity", tmp_path, pictures(1)[0])
    assert status.startswith(f"Entities: {len(found.rows)}.")
    assert len(overlay["value"][1]) == len(found.entities)
    assert chosen is None
    assert len(overlay["color_map"]) == len(found.entities)


def test_a_chosen_entity_is_the_coarse_mask_of_another_tab(model, tmp_path):
    found = answer(model, TabInput("entity", pictures(1)[0], steps=1), tmp_path)
    place, status = tab.choose_entity(found, SimpleNamespace(index=0))
    assert place == 0
    assert found.entities[0][1] in status
    picture, canvas, _, opened, _ = tab.hand_over("referring", found, place)
    assert opened.selected == "referring"
    assert np.array_equal(picture, pictures(1)[0])
    assert np.array_equal(coarse_mask(canvas["layers"], (SIZE, SIZE)), found.masks[0])
    assert "Choose an entity" in tab.hand_over("referring", found, None)[-1]
    assert tab.choose_entity(found, SimpleNamespace(index=99)) == (None, "")


def test_an_example_fills_the_tab(model):
    from unigs.demo.examples import draw_examples

    palette = Palette.from_name(model.config["palette"])
    examples = draw_examples(palette, 64)
    event = SimpleNamespace(index=1)
    choose = inputs.choose_example(TASKS["synthesis"], palette, examples)
    picture, canvas, drawing, _, names = choose(event)
    assert drawing is None
    assert canvas["width"] == 64
    assert np.array_equal(picture, examples[1].colormap)
    assert names == examples[1].names
    picture, *_ = inputs.choose_example(TASKS["entity"], palette, examples)(event)
    assert np.array_equal(picture, examples[1].image)


def test_the_drawing_is_taken_or_a_sentence(model, tmp_path):
    from gradio import EventData

    sent = {"width": 2, "height": 2, "labels": "AAEAAQ==", "names": [" dog "]}
    found, status = tab.take_drawing(EventData(None, sent))
    assert status == ""
    assert found.names == ("dog",)
    assert tab.take_drawing(EventData(None, {"width": 2}))[1].startswith("**The drawing did not")
    function = tab.runner(model, TASKS["synthesis"], tmp_path)
    *_, last = function(None, Drawn(found.labels, ("dog",)), "", 1, 0, 0, "", True, False, print)
    assert last[0].startswith("Entities: ")
