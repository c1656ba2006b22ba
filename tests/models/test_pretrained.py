"""Pretrained weights by content: moved weights are the same, others at the same place are not."""

import json
import os
import shutil

import pytest
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from tests.support.models.checkpoints import halve, write_checkpoint
from tests.support.models.vision_models import write_clip
from unigs.config.preset import load_preset
from unigs.errors import ConfigError, ModelError
from unigs.models import pretrained
from unigs.models.pretrained import (
    COMPONENTS,
    FileDigests,
    require_sources,
    source_digest,
    sources_of,
)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("models") / "SD")


def digests(folder):
    return {name: source_digest(name, folder, FileDigests()) for name in COMPONENTS}


def change(file):
    """Another value of one weight: the size stays, and the time as well."""
    before = file.stat()
    tensors = load_file(file)
    next(iter(tensors.values())).view(-1)[0] += 1
    save_file(tensors, file, {"format": "pt"})
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size


def test_content_counts_and_the_place_does_not(original, tmp_path):
    copy = shutil.copytree(original, tmp_path / "moved to here")
    first = digests(original)
    assert digests(copy) == first
    assert len(set(first.values())) == 3
    for part, name in (("vae", "autoencoder"), ("text_encoder", "text"), ("unet", "unet")):
        (file,) = (copy / part).glob("*.safetensors")
        change(file)
        now = digests(copy)
        assert {key for key in first if now[key] != first[key]} == {name}
        shutil.copytree(original / part, copy / part, dirs_exist_ok=True)
    (copy / "tokenizer" / "merges.txt").write_text("#version: 0.2\n")
    assert {key for key, value in digests(copy).items() if value != first[key]} == {"text"}


def test_weights_that_are_not_loaded_do_not_count(original, tmp_path):
    copy = shutil.copytree(original, tmp_path / "both")
    halved = shutil.copytree(original, tmp_path / "halved")
    halve(halved)
    shutil.copytree(halved, copy, dirs_exist_ok=True)
    (copy / "README.md").write_text("words")
    assert digests(copy) == digests(original)
    assert digests(halved) != digests(original)


def test_the_component_alone_is_the_same_as_in_its_pipeline(original):
    assert source_digest("unet", original / "unet", FileDigests()) == digests(original)["unet"]


def test_files_are_read_once_for_a_record(original, tmp_path, monkeypatch):
    copy = shutil.copytree(original, tmp_path / "SD")
    read = []

    def counted(file):
        read.append(file.name)
        return sha256_of(file)

    sha256_of = pretrained.sha256_of
    monkeypatch.setattr(pretrained, "sha256_of", counted)

    def digest():
        return source_digest("unet", copy, FileDigests(tmp_path / "record.json"))

    first = digest()
    assert sorted(read) == ["config.json", "diffusion_pytorch_model.safetensors"]
    assert digest() == first
    assert len(read) == 2
    change(copy / "unet" / "diffusion_pytorch_model.safetensors")
    assert digest() != first
    assert len(read) == 3
    (tmp_path / "record.json").write_text("{")
    digest()
    assert len(read) == 5


@pytest.fixture
def asked(monkeypatch):
    """Hub ids that are asked for; none of them is reached."""
    ids = []
    monkeypatch.setattr(pretrained, "require_reachable", ids.append)
    return ids


def test_a_hub_id_that_is_not_reached_is_told_before_anything_is_built(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    preset = load_preset("sd15")
    with pytest.raises(ModelError, match=r"stable-diffusion-inpainting: no such.*give the path"):
        require_sources(preset)
    with pytest.raises(ModelError, match="no such directory"):
        require_sources(load_preset("sd15", {"checkpoint": str(tmp_path / "nothing")}))


def test_sources_that_lie_here_are_checked_before_anything_is_built(original, tmp_path, asked):
    copy = shutil.copytree(original, tmp_path / "SD")
    clip = write_clip(tmp_path / "clip")
    here = {"checkpoint": str(copy), "evaluation.clip": str(clip)}
    preset = load_preset("sd15", here)
    assert set(sources_of(preset)) == {*COMPONENTS, "clip", "segmenter"}
    assert sources_of(load_preset("tiny")) == {}
    require_sources(preset)
    assert asked == [preset.evaluation.segmenter]
    with pytest.raises(ModelError, match="Inception weights"):
        require_sources(load_preset("sd15", {**here, "evaluation.inception": "nowhere.pth"}))
    for part in (copy / "vae", copy / "unet", clip):
        (file,) = part.glob("*.safetensors")
        whole = file.read_bytes()
        file.write_bytes(whole[:-1])
        with pytest.raises(ModelError, match=f"{file}: cut short"):
            require_sources(preset)
        file.write_bytes(whole)


def test_components_that_do_not_go_together_are_told(original, tmp_path, asked):
    require_sources(load_preset("sd15", {"checkpoint": str(original)}))
    with pytest.raises(ConfigError, match="tokens of width 128, unlike text: 16"):
        require_sources(load_preset("tiny", {"checkpoint": str(original)}))
    for part, setting, told in (
        ("vae", "latent_channels", "latents of channels 4, unlike autoencoder: 5"),
        ("text_encoder", "hidden_size", "tokens of width 16, unlike text: 5"),
    ):
        copy = shutil.copytree(original, tmp_path / part)
        config = json.loads((copy / part / "config.json").read_text())
        (copy / part / "config.json").write_text(json.dumps({**config, setting: 5}))
        with pytest.raises(ConfigError, match=told):
            require_sources(load_preset("sd15", {"checkpoint": str(copy)}))
    require_sources(load_preset("tiny"))


def test_taesd_and_a_single_file(original, test_weights, tmp_path, asked):
    place = {"checkpoint": str(original), "autoencoder.source": str(test_weights / "taesd")}
    require_sources(load_preset("sd15", place))
    taesd = source_digest("autoencoder", test_weights / "taesd", FileDigests())
    moved = shutil.copytree(test_weights / "taesd", tmp_path / "other")
    assert source_digest("autoencoder", moved, FileDigests()) == taesd
    (tmp_path / "inception.pth").write_bytes(b"weights")
    assert source_digest("inception", tmp_path / "inception.pth", FileDigests()) == (
        pretrained.sha256_of(tmp_path / "inception.pth")
    )
    with pytest.raises(ModelError, match="no such file"):
        source_digest("inception", tmp_path / "none.pth", FileDigests())
