"""Latent shards, the store that reads them, and the store that encodes on the fly."""

import io
import json
import shutil
import tarfile

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from tests.support.made_scenes import CLASSES, files_of, made_scene
from unigs.colormap.palette import Palette
from unigs.config.preset import DiffusionConfig, TrainingConfig
from unigs.errors import ConfigError, DataError, ModelError
from unigs.latents import build as latents_module
from unigs.latents import on_the_fly as pixel_store
from unigs.latents.build import build_latents, latents_are_current
from unigs.latents.on_the_fly import PixelStore
from unigs.latents.prompts import EMPTY_PROMPT, PROMPTS, TEXT, TextTable
from unigs.latents.stored import PARTS, LatentStore
from unigs.latents.stream import MixedStream
from unigs.models.autoencoder import encode_images
from unigs.models.colormap_latents import encode_colormaps
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.models.text import build_text_encoder, encode_prompts
from unigs.models.unet import build_unet
from unigs.samples.options import SampleOptions
from unigs.shards.build import build_shards
from unigs.shards.manifest import MANIFEST, SAMPLES, digest_of, read_sample_table
from unigs.shards.read import read_samples
from unigs.shards.verify import verify_shards
from unigs.tasks import TASKS, control_image
from unigs.training.loop import train

OPTIONS = SampleOptions(Palette(5), CLASSES, size=32)
UNET = {
    "sample_size": 8,
    "block_out_channels": (8, 8),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "layers_per_block": 1,
    "cross_attention_dim": 16,
    "attention_head_dim": 2,
    "norm_num_groups": 2,
}
DIFFUSION = DiffusionConfig(
    scheduler={"num_train_timesteps": 50, "prediction_type": "v_prediction", "clip_sample": False}
)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    return [made_scene(folder, number) for number in range(20)]


@pytest.fixture(scope="module")
def models(scenes):
    autoencoder = PatchAutoencoder.fit(np.stack([scene.image() for scene in scenes]), 4, 8)
    tokenizer, encoder = build_text_encoder(CLASSES, hidden_size=16, max_length=24)
    return autoencoder, encoder, tokenizer


@pytest.fixture(scope="module")
def pixels(scenes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pixels")
    for task in TASKS:
        build_shards(scenes, task, OPTIONS, folder / task, shards=4)
    return folder


@pytest.fixture(scope="module")
def latents(pixels, models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("latents")
    for task in TASKS:
        build_latents(pixels / task, folder / task, *models)
    return folder


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


def test_only_inpainting_stores_a_control_of_its_own(latents):
    for task in TASKS:
        shard = sorted((latents / task).glob("*.tar"))[0]
        with tarfile.open(shard) as tar:
            names = {name.split(".", 1)[1] for name in tar.getnames()}
            first = next(m for m in tar.getmembers() if m.name.endswith(".image.npy"))
            array = np.load(io.BytesIO(tar.extractfile(first).read()), allow_pickle=False)
            facts = json.load(tar.extractfile(first.name.replace("image.npy", "json")))
        assert ("control.npy" in names) == (task == "inpainting")
        assert array.shape == (8, 8, 8)
        assert facts["task"] == task


def test_text_table_is_a_safetensors_file_with_each_prompt_once(latents):
    for task in TASKS:
        table = TextTable(latents / task)
        prompts = table.prompts()
        stock = load_file(latents / task / TEXT)["embeddings"]
        np.testing.assert_array_equal(stock, [table[row] for row in range(len(prompts))])
        assert prompts[0] == EMPTY_PROMPT
        assert len(set(prompts)) == len(prompts) == table.shape[0]
    assert len(TextTable(latents / "entity").prompts()) == 2


def test_latents_are_kept_until_an_input_changes(scenes, models, tmp_path):
    autoencoder, encoder, tokenizer = models
    build_shards(scenes[:-1], "synthesis", OPTIONS, tmp_path / "p", shards=4)
    first = build_latents(tmp_path / "p", tmp_path / "l", *models)
    assert len(first.built) == 4
    before = files_of(tmp_path / "l")
    again = build_latents(tmp_path / "p", tmp_path / "l", *models)
    assert again.built == ()
    assert files_of(tmp_path / "l") == before

    build_shards(scenes, "synthesis", OPTIONS, tmp_path / "p")
    grown = build_latents(tmp_path / "p", tmp_path / "l", *models)
    assert len(grown.built) == 1
    fresh = build_latents(tmp_path / "p", tmp_path / "fresh", *models)
    assert files_of(tmp_path / "fresh") == files_of(tmp_path / "l")
    assert fresh.digest == grown.digest != first.digest

    _, other_text = build_text_encoder(CLASSES, hidden_size=16, max_length=24, seed=1)
    retold = build_latents(tmp_path / "p", tmp_path / "l", autoencoder, other_text, tokenizer)
    assert retold.built == ()
    expected = encode_prompts(tokenizer, other_text, [EMPTY_PROMPT])[0].numpy()
    np.testing.assert_allclose(LatentStore(tmp_path / "l").empty_text, expected, atol=1e-2)

    other = PatchAutoencoder(4, 8)
    assert len(build_latents(tmp_path / "p", tmp_path / "l", other, encoder, tokenizer).built) == 4
    refined = build_latents(tmp_path / "p", tmp_path / "l", other, encoder, tokenizer, 2)
    assert len(refined.built) == 4
    assert refined.configuration["refine_steps"] == 2


def test_latents_of_other_inputs_or_an_older_format_are_not_current(
    pixels, latents, models, tmp_path, monkeypatch
):
    autoencoder, encoder, tokenizer = models

    def current(made="entity", autoencoder=autoencoder, encoder=encoder, refine_steps=0):
        folders = latents / made, pixels / "entity"
        return latents_are_current(*folders, autoencoder, encoder, tokenizer, refine_steps)

    _, other_text = build_text_encoder(CLASSES, hidden_size=16, max_length=24, seed=1)
    assert current()
    assert not current(made="referring")
    assert not current(refine_steps=2)
    assert not current(autoencoder=PatchAutoencoder(4, 8))
    assert not current(encoder=other_text)
    for content in ("", json.dumps({"seal": digest_of({})}), None):
        if content is not None:
            (tmp_path / MANIFEST).write_text(content)
        assert not current(made=tmp_path)
        (tmp_path / MANIFEST).unlink(missing_ok=True)
    monkeypatch.setattr(latents_module, "FORMAT", latents_module.FORMAT + 1)
    assert not current()


def test_changed_text_is_encoded_again_and_not_vouched_for(pixels, models, tmp_path):
    build_latents(pixels / "synthesis", tmp_path, *models)
    before = files_of(tmp_path)
    data = bytearray(before[TEXT])
    data[-5] ^= 1
    (tmp_path / TEXT).write_bytes(data)
    assert build_latents(pixels / "synthesis", tmp_path, *models).built == ()
    assert files_of(tmp_path) == before


def test_removed_scene_leaves_the_latents(scenes, models, tmp_path):
    build_shards(scenes, "entity", OPTIONS, tmp_path / "p", shards=4)
    build_latents(tmp_path / "p", tmp_path / "l", *models)
    gone = scenes[3].key
    kept = [scene for scene in scenes if scene.key != gone]
    build_shards(kept, "entity", OPTIONS, tmp_path / "p")
    manifest = build_latents(tmp_path / "p", tmp_path / "l", *models)
    assert manifest.removed == (gone,)
    files = files_of(tmp_path / "l")
    assert not any(gone.encode() in data for name, data in files.items() if name != MANIFEST)


def test_flipped_bit_in_latents_is_found(latents, tmp_path):
    for name, data in files_of(latents / "inpainting").items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert verify_shards(tmp_path) == []
    text = bytearray((tmp_path / TEXT).read_bytes())
    text[-5] ^= 1
    (tmp_path / TEXT).write_bytes(text)
    shard = sorted(tmp_path.glob("*.tar"))[0]
    data = bytearray(shard.read_bytes())
    data[700] ^= 4
    shard.write_bytes(data)
    bad = dict(verify_shards(tmp_path))
    assert set(bad) == {TEXT, shard.name}
    assert bad[shard.name] == LatentStore(latents / "inpainting").keys[0]


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


def test_bad_input_is_one_error(pixels, latents, models, tmp_path):
    with pytest.raises(DataError):
        build_latents(tmp_path / "missing", tmp_path / "l", *models)
    with pytest.raises(ConfigError, match="divide"):
        build_latents(pixels / "entity", tmp_path / "l", PatchAutoencoder(5, 8), *models[1:])
    loud = PatchAutoencoder(4, 8)
    loud.gain.data *= 1e6
    with pytest.raises(ModelError, match="float16"):
        build_latents(pixels / "entity", tmp_path / "l", loud, *models[1:])
    assert not (tmp_path / "l" / MANIFEST).exists()
    for name, data in files_of(latents / "entity").items():
        (tmp_path / "cut" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cut" / name).write_bytes(data)
    shard = sorted((tmp_path / "cut").glob("*.tar"))[0]
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(DataError, match="not the shard"):
        LatentStore(tmp_path / "cut")
    (tmp_path / "cut" / TEXT).write_bytes(b"\xff" * 8)
    with pytest.raises(DataError):
        TextTable(tmp_path / "cut")


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
