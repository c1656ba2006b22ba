"""Previews: what the latents look like now and then, and a run that ends when nobody listens."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.models.tiny_pipeline import SIZE, pictures, tiny_pipeline
from unigs.demo import preview
from unigs.demo.answer import TabInput, TabOutput, answer
from unigs.demo.preview import DenoisingStep, Previews, Stopped, told_and_result


@pytest.fixture(scope="module")
def model():
    return tiny_pipeline(size=SIZE)


def test_every_step_but_the_last_is_shown(model, tmp_path, monkeypatch):
    monkeypatch.setattr(preview, "LEAST_SECONDS", 0)
    monkeypatch.setattr(preview, "SHARE", 1)
    steps: list[DenoisingStep] = []
    found = answer(model, TabInput("entity", pictures(1)[0], steps=4), tmp_path, steps.append)
    assert [(one.number, one.total) for one in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    *before, last = steps
    for one in before:
        assert one.image.shape == one.colormap.shape == (SIZE, SIZE, 3)
        assert one.image.dtype == one.colormap.dtype == np.uint8
    assert last.image is None
    assert len({one.colormap.tobytes() for one in before}) == 3
    again = answer(model, TabInput("entity", pictures(1)[0], steps=4), tmp_path)
    assert np.array_equal(np.asarray(again.image), np.asarray(found.image))


def test_previews_take_a_share_of_the_time(model, monkeypatch):
    now = iter([10.0, 11.0, 12.0, 14.9, 15.0, 16.0])
    monkeypatch.setattr(preview, "time", SimpleNamespace(perf_counter=lambda: next(now)))
    monkeypatch.setattr(
        preview, "decode_latents", lambda *given, **named: np.zeros((1, 8, 8, 3), np.uint8)
    )
    latents = SimpleNamespace(chunk=lambda *given, **named: [Half()] * 2)
    steps = SimpleNamespace(scheduler=SimpleNamespace(timesteps=range(9)), vae=None)
    previews = Previews()
    # A preview took a second: with a fifth of the time for previews, the next comes after four.
    seen = [previews.step(steps, index, latents).image is not None for index in range(4)]
    assert seen == [True, False, False, True]


class Half:
    """A half of latents that nobody decodes."""

    device = None

    def __getitem__(self, part):
        return self


def test_what_is_told_comes_before_the_result():
    def work(tell):
        for number in range(3):
            tell(number)
        return "done"

    assert list(told_and_result(work)) == [0, 1, 2, "done"]


def test_a_fault_reaches_the_listener_after_what_was_told():
    def work(tell):
        tell(1)
        raise ValueError("no")

    heard = told_and_result(work)
    assert next(heard) == 1
    with pytest.raises(ValueError, match="no"):
        next(heard)


def test_a_run_that_nobody_listens_to_ends_before_the_next_begins():
    ended, go_on = [], threading.Event()

    def work(tell):
        try:
            tell(1)
            go_on.wait(10)
            tell(2)
        except Stopped:
            ended.append("stopped")
            raise

    heard = told_and_result(work)
    assert next(heard) == 1
    threading.Timer(0.1, go_on.set).start()
    heard.close()
    assert ended == ["stopped"]


def test_the_page_shows_previews_and_then_the_answer(model, tmp_path, monkeypatch):
    pytest.importorskip("gradio")
    from unigs.demo import tab
    from unigs.tasks import TASKS

    monkeypatch.setattr(preview, "LEAST_SECONDS", 0)
    monkeypatch.setattr(preview, "SHARE", 1)
    told = []
    run = tab.runner(model, TASKS["entity"], tmp_path)
    *shown, last = run(pictures(1)[0], {"layers": []}, "", 3, 0, 0, "", True, False, told.append)
    assert [parts[0] for parts in shown] == ["Step 1 of 3.", "Step 2 of 3."]
    assert all(parts[4].size == parts[5].size == (640, 640) for parts in shown)
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert isinstance(last[1], TabOutput)
