"""Latents encoded in several processes: the same bytes as in one, and no process left."""

import multiprocessing

import numpy as np
import pytest
import torch

from tests.latents.conftest import OPTIONS
from tests.models.test_autoencoder import small_kl
from tests.support.data.made_scenes import CLASSES, files_of, made_scene
from tests.support.elsewhere import Elsewhere
from unigs.errors import DataError, ModelError
from unigs.io.machine import cores, encoding_processes
from unigs.latents import over_processes as module
from unigs.latents.build import build_latents
from unigs.latents.encode import encode_samples
from unigs.models.text import build_text_encoder
from unigs.shards.build import build_shards
from unigs.shards.read import read_samples
from unigs.tasks import TASKS


@pytest.fixture(scope="module")
def models():
    tokenizer, encoder = build_text_encoder(CLASSES, hidden_size=16, max_length=24)
    return small_kl(), encoder, tokenizer


@pytest.fixture(scope="module")
def pixels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pixels")
    scenes = [made_scene(folder, number) for number in range(8)]
    build_shards(scenes, "inpainting", OPTIONS, folder / "shards", shards=4, variants=3)
    return folder / "shards"


def test_a_cluster_writes_the_bytes_of_one_process(pixels, models, tmp_path):
    elsewhere, told = Elsewhere(), []
    there = build_latents(
        pixels, tmp_path / "there", *models,
        spread=elsewhere, progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    here = build_latents(pixels, tmp_path / "here", *models)
    assert there == here
    assert files_of(tmp_path / "there") == files_of(tmp_path / "here")
    count = len(here.shards)
    assert elsewhere.count == count > 1
    assert told[0] == (0, count)
    assert told[-1] == (count, count)
    build_latents(pixels, tmp_path / "there", *models, spread=elsewhere)
    # What is finished is not done again.
    assert elsewhere.count == count


def test_what_a_killed_build_left_for_the_cluster_goes(pixels, models, tmp_path):
    left = tmp_path / "out" / f"{module.AUTOENCODER}killed"
    left.mkdir(parents=True)
    build_latents(pixels, tmp_path / "out", *models, spread=Elsewhere())
    assert not list((tmp_path / "out").glob(f"{module.AUTOENCODER}*"))


def test_two_processes_write_the_bytes_of_one(pixels, models, tmp_path, monkeypatch):
    here = []
    write = module.write_latents
    monkeypatch.setattr(
        module, "write_latents", lambda job, model: here.append(job.name) or write(job, model)
    )
    alone = build_latents(pixels, tmp_path / "one", *models, processes=2)
    # Not worth the start of others: all of them here.
    assert sorted(here) == [record.path for record in alone.shards]
    monkeypatch.setattr(module, "START_SECONDS", 0.0)
    reported = []
    build_latents(
        pixels, tmp_path / "two", *models, 0,
        lambda done, total: reported.append((done, total)), processes=2,
    )  # fmt: skip
    count = len(alone.shards)
    assert len(here) == count + 1
    assert reported[0] == (0, count)
    assert reported[-1] == (count, count)
    assert files_of(tmp_path / "two") == files_of(tmp_path / "one")
    assert not multiprocessing.active_children()


def test_an_error_in_another_process_is_this_ones(pixels, models, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "START_SECONDS", 0.0)
    record = sorted(pixels.glob("*.tar"))[-1]
    whole = record.read_bytes()
    changed = bytearray(whole)
    changed[len(changed) // 2] ^= 1
    record.write_bytes(changed)
    try:
        with pytest.raises(DataError, match=f"{record.name}.*changed since"):
            build_latents(pixels, tmp_path / "l", *models, processes=2)
    finally:
        record.write_bytes(whole)
    assert not multiprocessing.active_children()


def test_equal_images_are_encoded_once(pixels, models, monkeypatch):
    autoencoder = models[0]
    samples = list(read_samples(pixels))
    sizes = []
    encode = autoencoder.encode
    monkeypatch.setattr(autoencoder, "encode", lambda x: sizes.append(len(x)) or encode(x))
    together = encode_samples(samples, TASKS["inpainting"], autoencoder)
    images = {sample.image.tobytes() for sample in samples}
    colormaps = {sample.colormap.tobytes() for sample in samples}
    assert len(images) == len(samples) // 3
    assert sum(sizes) == len(images) + len(colormaps) + len(samples)
    for number in (0, len(samples) - 1):
        alone = encode_samples([samples[number]], TASKS["inpainting"], autoencoder)
        for part, values in alone.items():
            np.testing.assert_allclose(
                together[part][number].astype(np.float32), values[0], atol=2e-2
            )


def test_a_process_a_core_or_two_an_accelerator(monkeypatch):
    assert encoding_processes(torch.device("cpu")) == cores()
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    monkeypatch.setattr("unigs.io.machine.cores", lambda: 64)
    assert encoding_processes(torch.device("cuda", 0)) == 16


def test_processes_share_out_the_cores_and_the_accelerators(models, tmp_path, monkeypatch):
    models[0].save_pretrained(tmp_path)
    given = []

    class Moved(torch.nn.Module):
        def to(self, device):
            given.append(str(device))
            return self

    monkeypatch.setattr(module, "load_autoencoder", lambda folder, dtype: Moved())
    monkeypatch.setattr(module, "_loaded", [])
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(module, "cores", lambda: 8)
    threads = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    for number in range(3):
        module._start(tmp_path, torch.float32, "cuda", 3, number)
    module._start(tmp_path, torch.float32, "cpu", 3, 1)
    assert given == ["cuda:0", "cuda:1", "cuda:0", "cpu"]
    assert threads == 4 * [2]


def test_out_of_memory_with_one_picture_is_told(pixels, models, tmp_path, monkeypatch):
    def full(x):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(models[0], "encode", full)
    with pytest.raises(ModelError, match="out of memory with one of"):
        build_latents(pixels, tmp_path / "l", *models)
