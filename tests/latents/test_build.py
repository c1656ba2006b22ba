"""Latent shards: what is in them, and when they are made again."""

import io
import json
import tarfile

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.latents.conftest import OPTIONS
from tests.support.data.made_scenes import CLASSES, files_of
from unigs.errors import ConfigError, DataError, ModelError
from unigs.latents import build as latents_module
from unigs.latents.build import build_latents, latents_are_current
from unigs.latents.prompts import EMPTY_PROMPT, TEXT, TextTable
from unigs.latents.stored import LatentStore
from unigs.models.patch_autoencoder import PatchAutoencoder
from unigs.models.text import build_text_encoder, encode_prompts
from unigs.shards.build import build_shards
from unigs.shards.manifest import MANIFEST, digest_of
from unigs.shards.verify import verify_shards
from unigs.tasks import TASKS


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


def test_bad_input_is_one_error(pixels, latents, models, tmp_path):
    with pytest.raises(DataError):
        build_latents(tmp_path / "missing", tmp_path / "l", *models)
    with pytest.raises(ConfigError, match="divide"):
        build_latents(pixels / "entity", tmp_path / "l", PatchAutoencoder(5, 8), *models[1:])
    with pytest.raises(ConfigError, match="a folder of their own"):
        build_latents(pixels / "entity", pixels / "entity", *models)
    assert (pixels / "entity" / MANIFEST).exists()
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
