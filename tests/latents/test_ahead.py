"""A step's batch is prepared while the step before computes; nothing else changes."""

import threading
import time

import pytest
import torch

from unigs.latents import ahead as module
from unigs.latents.ahead import Ahead, worth_a_thread

CPU = torch.device("cpu")


@pytest.fixture
def threaded(monkeypatch):
    monkeypatch.setattr(module, "worth_a_thread", lambda device: True)


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


def test_an_accelerator_waits_for_nothing_and_the_cpu_keeps_its_cores():
    assert worth_a_thread(torch.device("cuda", 0))
    assert not worth_a_thread(CPU)


def test_the_next_step_is_prepared_meanwhile_and_none_beyond_the_last(threaded):
    asked, prepared = [], threading.Event()

    def prepare(step):
        asked.append((step, threading.current_thread().name))
        if step == 6:
            prepared.set()
        return step * 10

    with Ahead(prepare, 8, CPU) as ahead:
        assert ahead(5) == 50
        assert prepared.wait(10)
        assert ahead(6) == 60
        assert ahead(7) == 70
        # Another order than the usual costs time, not the result.
        assert ahead(2) == 20
    # What is prepared for nobody at the end may be dropped.
    assert [step for step, _ in asked][:4] == [5, 6, 7, 2]
    assert all(name.startswith("ahead") for _, name in asked)
    assert not threads()


def test_without_a_thread_the_step_itself_prepares():
    asked = []
    with Ahead(lambda step: asked.append((step, threading.current_thread())), 3, CPU) as ahead:
        ahead(0)
        ahead(1)
        assert ahead.aside(lambda: 7) == 7
    assert asked == [(0, threading.main_thread()), (1, threading.main_thread())]


def test_an_error_comes_with_its_step_and_the_thread_ends(threaded):
    def prepare(step):
        if step == 1:
            raise ValueError("step 1")
        return step

    def run():
        with Ahead(prepare, 4, CPU) as ahead:
            for step in range(4):
                done.append(ahead(step))

    done = []
    with pytest.raises(ValueError, match="step 1"):
        run()
    assert done == [0]
    assert not threads()


def test_an_interrupt_leaves_no_thread(threaded):
    def run():
        with Ahead(lambda step: step, 10**9, CPU) as ahead:
            ahead(0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert not threads()


def test_what_is_done_aside_is_not_done_at_the_same_time(threaded):
    busy = []

    def prepare(step):
        busy.append(step)
        time.sleep(0.05)
        busy.remove(step)
        return step

    with Ahead(prepare, 9, CPU) as ahead:
        ahead(0)
        assert ahead.aside(lambda: list(busy)) == []


def test_the_share_is_of_waiting_alone(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    def prepare(step):
        now[0] += 3.0
        return step

    ahead = Ahead(prepare, 9, CPU)
    assert ahead.share == 0.0
    ahead(0)
    now[0] += 7.0
    ahead(1)
    # 3 of 10 seconds since the first batch was there.
    assert ahead.share == pytest.approx(0.3)
