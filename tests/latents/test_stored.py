"""Stored latents and latents encoded on the fly are the same samples, in training too."""

import shutil

import numpy as np
import pytest
import torch

from tests.support.models.tiny_unet import tiny_architecture
from unigs.config.preset import DiffusionConfig, TrainingConfig
from unigs.errors import DataError
from unigs.latents import on_the_fly as pixel_store
from unigs.latents.build import build_latents
from unigs.latents.on_the_fly import PixelStore
from unigs.latents.prompts import EMPTY_PROMPT, PROMPTS, TEXT
from unigs.latents.stored import PARTS, LatentStore
from unigs.latents.stream import MixedStream
from unigs.models.autoencoder import encode_images
from unigs.models.colormap_latents import encode_colormaps
from unigs.models.text import encode_prompts
from unigs.models.unet import build_unet
from unigs.shards.manifest import SAMPLES, read_sample_table
from unigs.shards.read import read_samples
from unigs.tasks import TASKS, control_image
from unigs.training.loop import train

UNET = tiny_architecture()
DIFFUSION = DiffusionConfig(
    scheduler={"num_train_timesteps": 50, "prediction_type": "v_prediction", "clip_sample": False}
)


@pytest.mark.parametrize("task", TASKS)
def test_store_gives_the_latents_of_each_sample(pixels, latents, models, task):
    autoencoder, encoder, tokenizer = models
    store = LatentStore(latents / task)
    samples = list(read_samples(pixels / task))
    assert store.task == task
    assert store.keys == [sample.key for sample in samples]
    assert store.prompts == [sample.prompt for sample in samples]
    assert store.latent_shape == (8, 8, 8)
    for index, sample in enumerate(samples):
        got = {part: values[0] for part, values in store.batch([index]).items()}
        control = control_image(task, sample.image, sample.colormap, sample.coarse_mask)
        scaled = sample.image.astype(np.float32) / 127.5 - 1
        for part, pixels_of in (
            ("image", scaled),
            ("colormap", sample.colormap.astype(np.float32) / 127.5 - 1),
            ("control", control),
        ):
            expected = encode_images(autoencoder, pixels_of[None])[0].numpy()
            assert got[part].dtype == np.float32
            np.testing.assert_allclose(got[part], expected, atol=2e-3, rtol=1e-3)
        text = encode_prompts(tokenizer, encoder, [sample.prompt])[0].numpy()
        np.testing.assert_allclose(got["text"], text, atol=1e-2)
        assert got["coarse"].shape == got["valid"].shape == (1, 8, 8)
        share = sample.valid.reshape(8, 4, 8, 4).mean((1, 3))
        np.testing.assert_allclose(got["valid"][0], share, atol=1e-3)
        touched = sample.coarse_mask.reshape(8, 4, 8, 4).any((1, 3))
        np.testing.assert_array_equal(got["coarse"][0], touched)


@pytest.mark.parametrize("task", TASKS)
def test_batch_stacks_samples_and_pixels_give_the_same(pixels, latents, models, task):
    store = LatentStore(latents / task)
    live = PixelStore(pixels / task, *models)
    assert (live.keys, live.latent_shape, live.text_shape) == (
        store.keys,
        store.latent_shape,
        store.text_shape,
    )
    indices = [5, 0, 5, len(store) - 1]
    batch = store.batch(indices)
    encoded = live.batch(indices)
    assert set(batch) == set(encoded) == {*PARTS, "text"}
    for part, values in batch.items():
        assert values.dtype == np.float32
        alone = [store.batch([index])[part][0] for index in indices]
        np.testing.assert_array_equal(values, np.stack(alone))
        # One step of float16 at the largest value: batch sizes may round differently.
        np.testing.assert_allclose(encoded[part], values, atol=4e-3, rtol=1e-3)
    np.testing.assert_allclose(live.empty_text, store.empty_text, atol=1e-3)


@pytest.mark.parametrize("task", TASKS)
def test_only_colormaps_are_refined(pixels, latents, models, tmp_path, task):
    build_latents(pixels / task, tmp_path, *models, refine_steps=3)
    store = LatentStore(tmp_path)
    live = PixelStore(pixels / task, *models, refine_steps=3)
    index = [0, 7]
    refined, plain, encoded = (
        held.batch(index) for held in (store, LatentStore(latents / task), live)
    )
    maps = np.stack([live.sample(number).colormap for number in index])
    expected = encode_colormaps(models[0], maps, 3).numpy()
    np.testing.assert_allclose(refined["colormap"], expected, atol=4e-3, rtol=1e-3)
    assert np.abs(refined["colormap"] - plain["colormap"]).max() > 0.01
    control = refined["colormap"] if task == "synthesis" else plain["control"]
    np.testing.assert_array_equal(refined["control"], control)
    np.testing.assert_array_equal(refined["image"], plain["image"])
    for part, values in refined.items():
        np.testing.assert_allclose(encoded[part], values, atol=4e-3, rtol=1e-3)


def test_pixel_store_forgets_the_prompt_that_was_longest_unused(pixels, models, monkeypatch):
    encoded = []

    def heard(tokenizer, encoder, prompts):
        encoded.extend(prompts)
        return encode_prompts(tokenizer, encoder, prompts)

    monkeypatch.setattr(pixel_store, "PROMPTS_KEPT", 2)
    monkeypatch.setattr(pixel_store, "encode_prompts", heard)
    live = PixelStore(pixels / "synthesis", *models)
    place = {prompt: index for index, prompt in enumerate(live.prompts)}
    first, second, third = list(place)[:3]
    for prompt in (first, first, second, third, third, first):
        live.batch([place[prompt]])
    assert live.empty_text.shape == live.text_shape
    assert encoded == [EMPTY_PROMPT, first, second, third, first]


@pytest.mark.parametrize("kind", ["latents", "pixels"])
def test_flipped_byte_in_a_shard_stops_training_and_names_shard_and_key(
    pixels, latents, models, tmp_path, kind
):
    folder = shutil.copytree((latents if kind == "latents" else pixels) / "entity", tmp_path / "f")
    shard = sorted(folder.glob("*.tar"))[0]
    data = bytearray(shard.read_bytes())
    row = read_sample_table(folder, shard=shard.name).to_pylist()[1]
    member = next(m for m in row["members"] if m["extension"].startswith("image."))
    data[member["offset"] + member["size"] // 2] ^= 1
    shard.write_bytes(data)
    store = LatentStore(folder) if kind == "latents" else PixelStore(folder, *models)
    damaged = set(read_sample_table(folder, shard=shard.name)["key"].to_pylist())
    sound = next(index for index, key in enumerate(store.keys) if key not in damaged)
    store.batch([sound])
    torch.manual_seed(0)
    unet = build_unet(UNET, latent_channels=8)
    config = TrainingConfig(steps=4, batch_size=10, warmup_steps=1, precision="fp32")
    stream = MixedStream({"entity": store}, batch_size=10)
    with pytest.raises(DataError, match=f"{shard.name}: {row['key']}: changed since"):
        train(unet, stream, config, DIFFUSION, tmp_path / "run")


def test_changed_tables_are_told_when_latents_are_opened(latents, tmp_path):
    for name in (SAMPLES, TEXT, PROMPTS):
        folder = shutil.copytree(latents / "synthesis", tmp_path / name)
        data = bytearray((folder / name).read_bytes())
        data[-5] ^= 1
        (folder / name).write_bytes(data)
        with pytest.raises(DataError, match=f"{name}: changed since"):
            LatentStore(folder)


def test_training_loses_the_same_from_latents_and_from_pixels(pixels, latents, models, tmp_path):
    encoded = {task: LatentStore(latents / task) for task in TASKS}
    live = {task: PixelStore(pixels / task, *models) for task in TASKS}
    config = TrainingConfig(
        steps=4, batch_size=10, learning_rate=1e-3, warmup_steps=1, precision="fp32"
    )

    def loss(name, stores, seed=0):
        torch.manual_seed(0)
        unet = build_unet(UNET, latent_channels=8)
        stream = MixedStream(stores, batch_size=10, seed=seed)
        return train(unet, stream, config, DIFFUSION, tmp_path / name).loss

    expected = loss("latents", encoded)
    # Both stores hand out float16 values; batches of other sizes round its last bit differently.
    assert loss("pixels", live) == pytest.approx(expected, rel=1e-3)
    assert loss("other", live, seed=1) != pytest.approx(expected, rel=1e-3)
