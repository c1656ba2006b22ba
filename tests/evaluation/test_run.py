"""One evaluation from folders: where it computes, and in how many processes."""

import multiprocessing

import pytest
import torch

from tests.support.data.made_scenes import files_of
from tests.support.data.tiny_shards import write_shards
from tests.support.models.tiny_pipeline import PALETTE, SIZE, tiny_pipeline
from unigs.errors import ConfigError, ModelError
from unigs.evaluation import run as module
from unigs.evaluation.predictions import PipelinePredictor
from unigs.evaluation.run import EvaluationJob, on_device, run_evaluation
from unigs.io import machine
from unigs.samples.sample import Sample
from unigs.shards.read import read_samples


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    tiny_pipeline(size=SIZE).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    return write_shards(folder, ["entity"], 7, SIZE, PALETTE) / "entity"


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_two_processes_give_the_values_of_one(model, shards, tmp_path, monkeypatch, one_thread):
    job = EvaluationJob(model, "entity", shards, tmp_path / "one", batch_size=2)
    alone = run_evaluation(job)
    monkeypatch.setattr(machine, "cores", lambda: 2)
    seen = []
    job = EvaluationJob(model, "entity", shards, tmp_path / "two", batch_size=2)
    together = run_evaluation(job, 2, seen.append)
    # Seven samples in four batches, of which this process takes the first and the third.
    assert seen == [2, 2, 2, 1]
    assert together.named().keys() == alone.named().keys()
    assert repr(together.named()) == repr(alone.named())
    assert files_of(tmp_path / "two") == files_of(tmp_path / "one")
    assert not multiprocessing.active_children()


class Recorder:
    """A stand-in that knows where it was moved."""

    def __init__(self):
        self.moves = []
        self.unet = self.text_encoder = self

    def to(self, where):
        self.moves.append(where)
        return self

    def set_progress_bar_config(self, disable):
        self.quiet = disable


@pytest.mark.parametrize("low", [torch.bfloat16, torch.float32])
def test_an_accelerator_computes_in_bfloat16_where_it_does_so_faster(monkeypatch, low):
    monkeypatch.setattr(
        module, "machine", lambda device: machine.Machine(device.type, low, True, None)
    )
    pipeline, cuda = Recorder(), torch.device("cuda", 1)
    on_device(pipeline, cuda)
    assert pipeline.moves == [cuda, *(2 * [low] if low == torch.bfloat16 else [])]
    pipeline = Recorder()
    on_device(pipeline, torch.device("cpu"))
    assert pipeline.moves == [torch.device("cpu")]


def test_pipeline_and_evaluators_go_to_the_device_of_the_process(monkeypatch, tmp_path):
    cuda, pipeline, given = torch.device("cuda", 3), Recorder(), {}
    monkeypatch.setattr(module, "this_device", lambda wanted: cuda)
    monkeypatch.setattr(module.UniGSPipeline, "from_pretrained", lambda folder: pipeline)
    monkeypatch.setattr(
        module, "machine", lambda device: machine.Machine(device.type, torch.float32, True, None)
    )

    def load(*sources, features, device):
        given["evaluators"] = device
        return "evaluators"

    monkeypatch.setattr(module, "load_evaluators", load)
    monkeypatch.setattr(module, "evaluate", lambda *values, **named: given.update(used=values[3]))
    run_evaluation(EvaluationJob(tmp_path, "entity", tmp_path, tmp_path, references=False))
    assert given == {"evaluators": "cuda:3", "used": "evaluators"}
    assert pipeline.moves == [cuda]


def test_no_cuda_where_asked_for_is_one_line(model, shards, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    job = EvaluationJob(model, "entity", shards, tmp_path, device="cuda")
    with pytest.raises(ConfigError, match=r"device 'cuda': no CUDA here \(give --device cpu"):
        run_evaluation(job)


def test_a_batch_that_does_not_fit_is_halved(shards, caplog):
    drawn: list[Sample] = list(read_samples(shards))
    pipeline = tiny_pipeline(size=SIZE)
    alone = PipelinePredictor(pipeline, "entity")
    # In batches of two as well: kernels for four may differ in the last bit.
    halves = [*alone(drawn[:2]), *alone(drawn[2:4])]

    def small(task, generator, **inputs):
        if len(generator) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return pipeline(task, generator=generator, **inputs)

    halved = PipelinePredictor(small, "entity")(drawn[:4])
    assert [p.segments.tolist() for p in halved] == [p.segments.tolist() for p in halves]
    assert "out of memory with 4 samples at a time: going on with 2" in caplog.text

    def full(task, generator, **inputs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ModelError, match="out of memory with one of 4 samples"):
        PipelinePredictor(full, "entity")(drawn[:4])
